"""How each B-scan of an image stands: its state, how sure the model is, what is odd about it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_octsam.core.annotation import BScanState, Progress
from napari_octsam.core.automatic import Index
from napari_octsam.core.jumps import jump_between, odd_ones
from napari_octsam.core.trust import trust_in
from napari_octsam.gui.labelling.checks import Checked, Checks
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.layer_schema import schema_of

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_octsam.engine.predict.messages import Labelled
    from napari_octsam.gui.labelling.labels_target import LabelsTarget
    from napari_octsam.gui.widgets.main_thread import MainThread

__all__ = ["Overview", "Standing"]

_UNKNOWN = 0.5  # doubt of a B-scan of which no model has said how sure it is
_QUICK = 1  # zlib's level


@dataclass(frozen=True, slots=True)
class Standing:
    """How one B-scan stands.

    Parameters
    ----------
    by
        Name of the model that labelled it last, or "".
    confidence
        How sure that was, 0 to 1; None where it is not known.
    findings
        What is odd about its labels, a few words each.
    """

    state: BScanState = BScanState.UNTOUCHED
    by: str = ""
    is_locked: bool = False
    confidence: float | None = None
    findings: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether a person has still to look at it."""
        return self.state in (BScanState.AUTOMATIC, BScanState.INTERPOLATED)

    @property
    def doubt(self) -> float:
        """How much it is worth a look: from 1 on where something is odd, else 0 to 1."""
        unsure = _UNKNOWN if self.confidence is None else 1 - self.confidence
        return unsure + len(self.findings)

    @property
    def words(self) -> str:
        """What there is to say of it."""
        made_by = f" by {self.by}" if self.by and self.is_open else ""
        parts = [f"{self.state}{made_by}"]
        if self.confidence is not None and self.is_open:
            parts.append(f"{trust_in(self.confidence)} ({self.confidence:.0%})")
        if self.is_locked:
            parts.append("locked")
        return " · ".join([*parts, *self.findings])


@dataclass(slots=True)
class _Told:
    """What a model has said of a B-scan, as long as its labels are there."""

    progress: Progress | None
    mean: float
    pixels: bytes


@dataclass(slots=True)
class _Known:
    """What is known of the B-scans of one labels layer beside their progress."""

    told: dict[Index, _Told] = field(default_factory=dict)
    checked: dict[Index, Checked] = field(default_factory=dict)
    looked_at: dict[Index, Progress] = field(default_factory=dict)
    offered: set[Index] = field(default_factory=set)
    jumps: dict[Index, tuple[Checked, Checked, float]] = field(default_factory=dict)


class Overview:
    """Follows the B-scans of one image with its labels.

    Parameters
    ----------
    main
        Brings back what a thread finds.
    """

    changed = Signal()
    """Something is another."""

    def __init__(self, main: MainThread) -> None:
        self._checks = Checks(main)
        self._checks.found.connect(self._on_found)
        self._target: LabelsTarget | None = None
        self._known = _Known()
        self._jumps: dict[Index, float] | None = None  # None where they are to be found again

    @property
    def indices(self) -> list[Index]:
        """The B-scans, in their order in the volume."""
        return [] if self._target is None else list(np.ndindex(self._shape))

    def follow(self, target: LabelsTarget | None) -> None:
        """Follow the labels of another image, or none."""
        same = target is not None and self._target is not None
        if not (same and target is not None and target.labels is self._labels):
            self._checks.forget()
            self._known = _Known()
        self._target = target
        self.refresh()

    def refresh(self) -> None:
        """Look again how things stand, and have what has changed looked at."""
        target = self._target
        if target is not None:
            progress, known = target.progress, self._known
            schema = schema_of(target.labels)
            for index, each in progress.items():
                if known.looked_at.get(index) is not each and schema is not None:
                    self._checks.ask(target.labels, index, schema)
            gone = set(known.looked_at) - set(progress)
            for index in gone:
                known.checked.pop(index, None)
            known.looked_at = dict(progress)
        self._jumps = None
        self.changed.emit()

    def note(self, index: Index, found: Labelled) -> None:
        """Note how sure the model is of a B-scan that it has just labelled."""
        target = self._target
        if target is not None:
            self._known.offered.discard(index)
            self._known.told[index] = _Told(
                target.progress.get(index),
                found.mean_confidence,
                zlib.compress(found.confidence.tobytes(), _QUICK),
            )

    def standing(self, index: Index) -> Standing:
        """Return how a B-scan stands."""
        target = self._target
        if target is None:
            return Standing()
        progress = target.progress.get(index)
        told, checked = self._told(index), self._known.checked.get(index)
        findings = () if checked is None else checked.findings
        if self._jumps is None:
            self._jumps = self._find_jumps()
        if index in self._jumps:
            findings += (f"jumps by {self._jumps[index]:.0f} rows",)
        standing = Standing(
            is_locked=target.is_locked(index),
            confidence=None if told is None else told.mean,
            findings=findings,
        )
        if progress is None:
            return standing
        return replace(standing, state=progress.state, by=progress.by.model)

    def confidence(self, index: Index) -> npt.NDArray[np.uint8] | None:
        """Return the (H, W) confidence of a B-scan in percent, where it is known."""
        told = self._told(index)
        if told is None or self._target is None:
            return None
        pixels = np.frombuffer(zlib.decompress(told.pixels), np.uint8)
        return pixels.reshape(data_shape(self._target.image)[-2:])

    def next_to_look_at(self, current: Index | None) -> Index | None:
        """Return the most doubtful B-scan that no person has looked at; None where none is left.

        Another one each time, until all have come; never that which is shown, if there is another.
        """
        standings = ((index, self.standing(index)) for index in self.indices)
        open_ones = [(-each.doubt, index) for index, each in standings if each.is_open]
        order = [index for _, index in sorted(open_ones)]
        offered, others = self._known.offered, [index for index in order if index != current]
        new = [index for index in others if index not in offered]
        if not new:
            offered.clear()
        found = next(iter([*new, *others, *order]), None)
        if found is not None:
            offered.add(found)
        return found

    def close(self) -> None:
        """Follow nothing any more."""
        self._target = None
        self._checks.close()

    @property
    def _labels(self) -> Labels | None:
        return None if self._target is None else self._target.labels

    @property
    def _shape(self) -> tuple[int, ...]:
        assert self._target is not None  # for mypy
        return data_shape(self._target.image)[:-2]

    def _told(self, index: Index) -> _Told | None:
        """Return what a model said of the labels that are there."""
        told = self._known.told.get(index)
        if told is None or self._target is None:
            return None
        return told if self._target.progress.get(index) is told.progress else None

    def _on_found(self, labels: Labels, index: Index, checked: Checked) -> None:
        if labels is self._labels and index in self._known.looked_at:
            self._known.checked[index] = checked
            self._jumps = None
            self.changed.emit()

    def _find_jumps(self) -> dict[Index, float]:
        """Compare each B-scan with the next one along the last axis."""
        found: dict[Index, float] = {}
        if self._target is None or not self._shape:
            return found
        for slower in np.ndindex(self._shape[:-1]):
            row = [(*slower, i) for i in range(self._shape[-1])]
            between = np.array([self._jump(*pair) for pair in pairwise(row)], float)
            for place, rows in odd_ones(between).items():
                found[row[place]] = rows
        return found

    def _jump(self, one: Index, other: Index) -> float:
        """Return the jump from a B-scan to the next, which is compared only once."""
        checked = self._known.checked
        if one not in checked or other not in checked:
            return float("nan")
        pair = checked[one], checked[other]
        *compared, rows = self._known.jumps.get(one, (None, None, 0.0))
        if compared != [*pair]:
            rows = jump_between(pair[0].boundaries, pair[1].boundaries)
            self._known.jumps[one] = (*pair, rows)
        return rows
