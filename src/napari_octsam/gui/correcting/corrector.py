"""The labels of the B-scan in view are corrected; each correction is a step that can be undone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.core.redoing import redone
from napari_octsam.core.replacing import replaced
from napari_octsam.core.wording import counted
from napari_octsam.engine.predict.messages import Label
from napari_octsam.gui.correcting.correction_step import CorrectionStep, InterpolationStep, Wish
from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values, edited_bscan
from napari_octsam.gui.correcting.interpolating import Interpolating
from napari_octsam.gui.correcting.model_sight import ModelSight
from napari_octsam.gui.labelling.labels_target import LabelsTarget
from napari_octsam.gui.labelling.shown_labels import ShownLabels
from napari_octsam.gui.layers.bscans import read_bscan
from napari_octsam.gui.layers.label_writing import write_all
from napari_octsam.gui.layers.labels_in_use import labels_in_use
from napari_octsam.gui.layers.layer_schema import check_meaning
from napari_octsam.gui.session.undo import Place
from napari_octsam.topology.repairs import Finding, applied, find

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import Viewer

    from napari_octsam.engine.predict.messages import Labelled
    from napari_octsam.gui.session.session import Session

__all__ = ["Corrector"]

_NOTHING = "Nothing changes: it is so already, or locked."


class Corrector(ShownLabels):
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
        super().__init__(viewer, session, (CorrectionStep, InterpolationStep))
        self._labels: Labels | None = None
        self.sight = ModelSight(session)
        self._interpolating = Interpolating(session, self.sight)
        self._follow(self._interpolating.told, self.notices.happened)
        self._follow(self.shown.moved, self._follow_up)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self.look)
        self.look()

    @property
    def labels(self) -> Labels | None:
        """The labels layer of the image; None where it has none, or several."""
        return self._labels

    def look(self, _of: object = None) -> None:
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
        return self._write_all([(bscan, wanted)], f"{what}{_on(bscan)}", _place(bscan))

    def _write_all(
        self, wanted: Sequence[tuple[EditedBScan, Values]], text: str, place: Place | None
    ) -> int:
        """Give B-scans of one layer other labels as one step; parameters as of `write`."""
        labels, viewer, locks = wanted[0][0].labels, self._viewer, self._session.locks
        if labels not in viewer.layers:
            raise UserError(f"The labels layer {labels.name} is gone.")
        free = [each for each in wanted if not locks.has_bscan(labels, each[0].index)]
        if not free:
            raise UserError("This B-scan is locked: unlock it first.")
        turned = {
            bscan.index: bscan.turned(replaced(bscan.values, values, locked=locks.classes))
            for bscan, values in free
        }
        with self._session.history.own_writes():
            written = write_all(labels, turned)
        if written is None:
            return 0
        self._session.history.push(CorrectionStep(text, place, viewer, written))
        pixels = int(np.count_nonzero(written.before != written.after))
        self.notices.happened(f"{text[0].upper()}{text[1:]}: {pixels:,} pixels changed.")
        return pixels

    def find(self) -> list[Finding]:
        """Return what is odd about the B-scan in view; UserError where there is none."""
        bscan = self.bscan()
        return find(bscan.values, bscan.schema)

    def bscan_at(self, index: tuple[int, ...]) -> EditedBScan:
        """Return another B-scan of the volume in view; UserError where there is none to correct."""
        return self.bscan().at(index)

    def repair(self, findings: Sequence[Finding]) -> None:
        """Mend some of what was found on the B-scan in view, as one step."""

        def repair() -> None:
            bscan = self.bscan()
            kinds = sorted({each.kind.value for each in findings})
            wanted = applied(bscan.values, findings)
            self._write_or_say(bscan, wanted, f"repair of {' and '.join(kinds)}")

        self._tell_of(repair)

    def repair_all(self, found: Sequence[tuple[EditedBScan, Sequence[Finding]]]) -> None:
        """Mend what was found on several B-scans, as one step."""

        def repair() -> None:
            kinds = sorted({each.kind.value for _, findings in found for each in findings})
            wanted = [(bscan, applied(bscan.values, findings)) for bscan, findings in found]
            text = f"repair of {' and '.join(kinds)} on {counted(len(found), 'B-scan')}"
            if not self._write_all(wanted, text, None):
                raise UserError(_NOTHING)

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

    def interpolate(
        self, asked: Collection[int] | None = None, *, is_snapped: bool = False
    ) -> None:
        """Make the B-scans around the one in view from the nearest corrected ones, as one step.

        Those that a person has changed, and what is locked, stay as they are. When the corrected
        ones change, they are made again.

        Parameters
        ----------
        asked
            Classes that are; None: all.
        is_snapped
            Whether boundaries are drawn to where the model sees them.
        """

        def interpolate() -> None:
            bscan = self.bscan()
            wish = Wish(None if asked is None else frozenset(asked), is_snapped)
            target = self._target_of(bscan.image, bscan.labels)
            self._interpolating.start(target, bscan.schema, bscan.index, wish)

        self._tell_of(interpolate)

    @property
    def is_interpolating(self) -> bool:
        """Whether B-scans are still being made."""
        return self._interpolating.is_on

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
        super().close()
        self._interpolating.close()
        self.sight.close()
        for event in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            event.disconnect(self.look)

    def _follow_up(self) -> None:
        """See to what was interpolated from B-scans that are others by now."""
        image, labels = self.shown.image, self._labels
        if image is not None and labels is not None:
            with suppress(UserError):  # they cannot be written to now
                target = self._target_of(image, labels)
                self._interpolating.follow_up(target, self._session.schema)

    def _target_of(self, image: Image, labels: Labels) -> LabelsTarget:
        target = LabelsTarget(self._viewer, self.keeper, self._session.locks, image, labels)
        target.check()
        return target

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
            self.notices.happened(_NOTHING)
        return pixels


def _place(bscan: EditedBScan) -> Place:
    return Place(ref(bscan.image), bscan.plane)


def _on(bscan: EditedBScan) -> str:
    return f" on {bscan.plane.title}" if bscan.plane.title else ""
