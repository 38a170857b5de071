"""One labelling of B-scans of an image: what is still to do, what has come of it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_octsam.core.automatic import (
    Index,
    Left,
    Present,
    bscans_named,
    doubts_about,
    why_left,
)
from napari_octsam.core.wording import listed
from napari_octsam.gui.labelling.label_step import LabelStep

if TYPE_CHECKING:
    from concurrent.futures import Future

    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.gui.labelling.labels_target import LabelsTarget

__all__ = ["LabellingRun"]

_MOST_RESTARTS = 1


@dataclass(slots=True, eq=False)
class LabellingRun:
    """A labelling that is on.

    Parameters
    ----------
    target
        The image and its labels.
    schema
        That the labels are of.
    present
        What happens to B-scans that a model has labelled already.
    waiting
        B-scans that are still to be asked for, the next one first.
    namer
        As of `Label`.
    sums
        `content_sum` of those that a model has labelled already, at the beginning.
    """

    target: LabelsTarget
    schema: LabelSchema
    present: Present
    waiting: deque[Index]
    namer: str = ""
    sums: dict[Index, int] = field(default_factory=dict)
    asked: dict[Index, Future[Any]] = field(default_factory=dict)
    step: LabelStep = field(init=False)
    first: Index = field(init=False)
    total: int = field(init=False)
    labelled: int = 0
    left: Counter[Left] = field(default_factory=Counter)
    failed: dict[Index, str] = field(default_factory=dict)
    doubtful: list[Index] = field(default_factory=list)
    restarts: int = 0
    begun: float = field(default_factory=time.monotonic)
    first_done: float | None = None

    def __post_init__(self) -> None:
        self.step = LabelStep(self.target)
        self.first = self.waiting[0]
        self.total = len(self.waiting)

    @property
    def done(self) -> int:
        """B-scans that need nothing more."""
        return self.total - len(self.waiting) - len(self.asked)

    @property
    def seconds_left(self) -> float | None:
        """About how long it will take still; None before two are labelled."""
        if self.first_done is None or self.labelled < 2:
            return None
        each = (time.monotonic() - self.first_done) / (self.labelled - 1)
        return each * (self.total - self.done)

    def why_left(self, index: Index) -> Left | None:
        """Return why a B-scan may not be labelled as things are now."""
        target = self.target
        return why_left(
            target.state(index),
            self.present,
            has_labels=target.has_labels(index),
            is_locked=target.is_locked(index),
        )

    def ask_again(self) -> bool:
        """Take back what was asked of an engine that died; return whether to go on."""
        self.waiting.extendleft(reversed(self.asked))
        self.asked.clear()
        self.restarts += 1
        return self.restarts <= _MOST_RESTARTS

    def note_labelled(self) -> None:
        """Count a B-scan."""
        self.labelled += 1
        if self.first_done is None:
            self.first_done = time.monotonic()

    def told(self, *, stopped: bool = False) -> str:
        """Return what has come of it, in sentences."""
        begun = "Stopped: " if stopped else ""
        of = f" of {self.total}" if stopped or self.labelled < self.total else ""
        done = f"{begun}{self.labelled}{of} {'B-scan' if self.total == 1 else 'B-scans'} labelled"
        into = f" in {self.target.labels.name}." if self.labelled else "."
        return " ".join(
            filter(
                None,
                (done + into, _left_ones(self.left), doubts_about(self.doubtful), self._failed()),
            )
        )

    def _failed(self) -> str:
        if not self.failed:
            return ""
        first = next(iter(self.failed.values()))
        named = bscans_named(sorted(self.failed))
        return f"Not {named}: {first}"


def _left_ones(left: Iterable[Left]) -> str:
    """Say why B-scans were left; "" where none was."""
    counts = Counter(left)
    if not counts:
        return ""
    parts = [f"{number} {why}" for why, number in counts.most_common()]
    return f"Left: {listed(parts, 'and')}."
