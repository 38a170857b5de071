"""Undo and redo of a correction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.gui.labelling.label_step import LabelStep
from napari_octsam.gui.layers.label_writing import Written, redo_write, undo_write
from napari_octsam.gui.session.undo import Place, Step

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_octsam.gui.labelling.labels_target import LabelsTarget

__all__ = ["CorrectionStep", "InterpolationStep"]


class InterpolationStep(LabelStep):
    """B-scans between two others were made from these.

    Parameters
    ----------
    target
        Where the labels are.
    between
        Numbers of the two.
    """

    def __init__(self, target: LabelsTarget, between: tuple[int, int]) -> None:
        super().__init__(target)
        self.setText(f"interpolation between B-scans {between[0]} and {between[1]}")


class CorrectionStep(Step):
    """A person has changed the labels of a B-scan.

    Parameters
    ----------
    text
        What was done: "moving of INL / OPL on B-scan 3".
    place
        Where.
    viewer
        Of the layer.
    written
        The pixels.
    """

    def __init__(self, text: str, place: Place, viewer: ViewerModel, written: Written) -> None:
        super().__init__(text, place)
        self._viewer = viewer
        self._written = self.written = written

    def take_back(self) -> str:
        """Bring the labels of before back."""
        self._check()
        undo_write(self._written)
        return f"The {self.text()} is undone."

    def do_again(self) -> str:
        """Write the labels again."""
        self._check()
        redo_write(self._written)
        return f"The {self.text()} is redone."

    def _check(self) -> None:
        labels = self._written.labels
        if labels not in self._viewer.layers:
            raise UserError(f"The labels layer of the {self.text()} is gone.")
        if not self._written.fits:
            raise UserError(f"{labels.name} has another shape since the {self.text()}.")
