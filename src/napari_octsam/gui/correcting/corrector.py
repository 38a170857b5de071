"""The labels of the B-scan in view are corrected; each correction is a step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from psygnal import Signal

from napari_octsam.core.annotation import BScanState, Progress, SetBy, is_protected
from napari_octsam.core.errors import UserError
from napari_octsam.core.interpolation import between
from napari_octsam.core.redoing import redone
from napari_octsam.core.replacing import replaced
from napari_octsam.core.wording import counted
from napari_octsam.engine.predict.messages import Label
from napari_octsam.gui.annotations.keeper import keeper_of
from napari_octsam.gui.correcting.correction_step import CorrectionStep, InterpolationStep
from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values, edited_bscan
from napari_octsam.gui.labelling.label_step import LabelledBScan
from napari_octsam.gui.labelling.labels_target import LabelsTarget
from napari_octsam.gui.layers.bscan_writing import write_bscan
from napari_octsam.gui.layers.bscans import read_bscan
from napari_octsam.gui.layers.label_writing import write_exactly
from napari_octsam.gui.layers.labels_in_use import labels_in_use
from napari_octsam.gui.layers.layer_schema import check_meaning
from napari_octsam.gui.layers.shown import ShownBScan
from napari_octsam.gui.session.notices import Notices
from napari_octsam.gui.session.undo import Place
from napari_octsam.topology.repairs import Finding, applied, find

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_octsam.engine.predict.messages import Labelled
    from napari_octsam.gui.session.session import Session
    from napari_octsam.gui.session.undo import Step

__all__ = ["Corrector"]


class Corrector:
    """Corrects the labels of the image that is shown.

    Methods tell what came of it in `notices`.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    session
        Its session.
    """

    labels_changed = Signal(object)
    """The labels layer that is corrected, or None."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        self._viewer = viewer
        self._session = session
        self._labels: Labels | None = None
        self.notices = Notices()
        self.keeper = keeper_of(viewer)
        self.shown = ShownBScan(viewer)
        self._followed: list[tuple[Any, Callable[..., object]]] = [
            (self.shown.image_changed, self.look),
            (self.keeper.changed, self.look),
            (session.schema_changed, self.look),
            (session.companions.labels.changed, self.look),
            (session.history.stepped, self._on_step),
            (session.history.refused, self.notices.happened),
        ]
        for signal, slot in self._followed:
            signal.connect(slot)
        viewer.layers.events.removed.connect(self.look)
        self.look()

    @property
    def labels(self) -> Labels | None:
        """The labels layer of the image; None where it has none, or several."""
        return self._labels

    def look(self, _event: Any = None) -> None:
        """Find the labels layer of the image again."""
        image, session = self.shown.image, self._session
        labels = None
        if image is not None:
            labels = labels_in_use(image, session.schema, self._viewer, session.companions)
        if labels is not self._labels:
            self._labels = labels
            self.labels_changed.emit(labels)

    def bscan(self) -> EditedBScan:
        """Return the B-scan in view; UserError where there is none to correct."""
        image = self.shown.chosen()
        self.look()
        if self._labels is None:
            raise UserError(f"{image.name} has no labels yet: label it, or choose them in Prompt.")
        check_meaning(self._labels, self._session.schema)
        return edited_bscan(image, self._labels, self._session.schema, self._viewer.dims)

    def write(self, bscan: EditedBScan, wanted: Values, what: str) -> int:
        """Give a B-scan other labels, and remember the step; return how many pixels changed.

        Raises
        ------
        UserError
            The labels cannot be written to.
        """
        labels, viewer = bscan.labels, self._viewer
        if labels not in viewer.layers:
            raise UserError(f"The labels layer {labels.name} is gone.")
        locks = self._session.locks
        if locks.has_bscan(labels, bscan.index):
            raise UserError("This B-scan is locked: unlock it first.")
        wanted = replaced(bscan.values, wanted, locked=locks.classes)
        with self._session.history.own_writes():
            written = write_exactly(labels, bscan.index, bscan.turned(wanted))
        if written is None:
            return 0
        place = Place(ref(bscan.image), bscan.plane)
        text = f"{what}{_on(bscan)}"
        self._session.history.push(CorrectionStep(text, place, viewer, written))
        pixels = int(np.count_nonzero(written.before != written.after))
        self.notices.happened(f"{text[0].upper()}{text[1:]}: {pixels:,} pixels changed.")
        return pixels

    def find(self) -> list[Finding]:
        """Return what is odd about the B-scan in view; UserError where there is none."""
        bscan = self.bscan()
        return find(bscan.values, bscan.schema)

    def repair(self, findings: Sequence[Finding]) -> None:
        """Mend some of what was found on the B-scan in view, as one step."""

        def repair() -> None:
            bscan = self.bscan()
            kinds = sorted({each.kind.value for each in findings})
            wanted = applied(bscan.values, findings)
            self._write_or_say(bscan, wanted, f"repair of {' and '.join(kinds)}")

        self._tell_of(repair)

    def from_neighbour(self, step: int, asked: Collection[int] | None = None) -> None:
        """Copy the labels of the B-scan so many before or after, of some classes or all."""

        def copy() -> None:
            bscan = self.bscan()
            other = self._beside(bscan, step)
            wanted = replaced(bscan.values, other, asked)
            side = "next" if step > 0 else "previous"
            self._write_or_say(bscan, wanted, f"copying from the {side} B-scan")

        self._tell_of(copy)

    def interpolate(self, asked: Collection[int] | None = None) -> None:
        """Make the B-scans around the one in view from the nearest corrected ones, as one step.

        Those that a person has changed, and what is locked, stay as they are.
        """

        def interpolate() -> None:
            bscan = self.bscan()
            target = self._target(bscan)
            first, last = self._corrected_around(bscan, target)
            step = InterpolationStep(target, (first[-1], last[-1]))
            ends = [self._values_at(bscan, index) for index in (first, last)]
            made = {}
            for number in range(first[-1] + 1, last[-1]):
                index = (*first[:-1], number)
                if not _may_be_made(target, index):
                    continue
                share = (number - first[-1]) / (last[-1] - first[-1])
                labels = between(ends[0], ends[1], share, bscan.schema)
                classes = self._session.locks.classes
                wanted = replaced(self._values_at(bscan, index), labels, asked, classes)
                change = write_bscan(bscan.labels, index, bscan.turned(wanted))
                if change.before != change.after:
                    step.add(LabelledBScan(change, target.progress.get(index), _interpolated()))
                    made[index] = _interpolated()
            if not made:
                raise UserError("Nothing changes: it is so already, or locked.")
            bscan.labels.visible = True
            target.note(made)
            self._session.history.push(step)
            self.notices.happened(f"{counted(len(made), 'B-scan')} interpolated.")

        self._tell_of(interpolate)

    def redo_class(self, value: int) -> None:
        """Have the model label the B-scan in view, and put one class as it has it."""

        def ask() -> None:
            bscan = self.bscan()
            name = bscan.schema[value].short
            pixels = read_bscan(bscan.image, bscan.plane)
            self.notices.happened(f"The model looks for {name} …")
            self._session.submit(
                Label(pixels, bscan.schema), partial(take, bscan, name), self.notices.happened
            )

        def take(bscan: EditedBScan, name: str, found: Labelled) -> None:
            def write() -> None:
                labels = redone(bscan.values, bscan.turned(found.labels), value, bscan.schema)
                self._write_or_say(bscan, labels, f"redoing of {name}")

            self._tell_of(write)

        self._tell_of(ask)

    def close(self) -> None:
        """Follow nothing any more."""
        for signal, slot in self._followed:
            signal.disconnect(slot, missing_ok=True)
        self._viewer.layers.events.removed.disconnect(self.look)
        self.shown.close()

    def _target(self, bscan: EditedBScan) -> LabelsTarget:
        locks = self._session.locks
        target = LabelsTarget(self._viewer, self.keeper, locks, bscan.image, bscan.labels)
        target.check()
        return target

    def _corrected_around(
        self, bscan: EditedBScan, target: LabelsTarget
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the nearest B-scans on both sides that a person has corrected."""
        if not bscan.index:
            raise UserError("Between B-scans of a volume one is interpolated: this is one.")
        if is_protected(target.progress, bscan.index):
            raise UserError("This B-scan is corrected or done already: it stays as it is.")
        *slower, here = bscan.index
        right = [
            index
            for index in target.progress
            if list(index[:-1]) == slower and is_protected(target.progress, index)
        ]
        before = [index for index in right if index[-1] < here]
        after = [index for index in right if index[-1] > here]
        if not (before and after):
            raise UserError("Correct a B-scan before this one and one after it first.")
        return max(before), min(after)

    def _beside(self, bscan: EditedBScan, step: int) -> Values:
        plane = bscan.plane.beside(step, bscan.labels.data.shape)
        if plane is None:
            raise UserError("There is no B-scan on that side.")
        values = self._values_at(bscan, plane.index)
        if not values.any():
            raise UserError("The B-scan on that side has no labels.")
        return values

    def _values_at(self, bscan: EditedBScan, index: tuple[int, ...]) -> Values:
        return bscan.turned(np.asarray(bscan.labels.data[index])).astype(np.uint8)

    def _write_or_say(self, bscan: EditedBScan, wanted: Values, what: str) -> int:
        pixels = self.write(bscan, wanted, what)
        if not pixels:
            self.notices.happened("Nothing changes: it is so already, or locked.")
        return pixels

    def _tell_of(self, action: Callable[[], object]) -> None:
        try:
            action()
        except UserError as error:
            self.notices.happened(str(error))

    def _on_step(self, step: Step) -> None:
        if isinstance(step, CorrectionStep | InterpolationStep):
            self.notices.happened(step.outcome)


def _interpolated() -> Progress:
    return Progress(state=BScanState.INTERPOLATED, by=SetBy(kind="model"))


def _may_be_made(target: LabelsTarget, index: tuple[int, ...]) -> bool:
    """Whether a B-scan may be interpolated: nobody has labelled it but a model."""
    if target.is_locked(index) or is_protected(target.progress, index):
        return False
    return target.state(index) is not BScanState.UNTOUCHED or not target.has_labels(index)


def _on(bscan: EditedBScan) -> str:
    return f" on {bscan.plane.title}" if bscan.plane.title else ""
