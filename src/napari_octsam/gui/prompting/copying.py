"""Prompts are copied: those that are selected, or all of a B-scan to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from app_model.types import KeyBinding, KeyCode, KeyMod

from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted
from napari_octsam.gui.layers.bscans import data_shape
from napari_octsam.gui.layers.taken_prompts import TakenPrompts, moved_to, prompts_at, put_back
from napari_octsam.gui.prompting.collect import rows_on_plane
from napari_octsam.gui.prompting.undo_commits import CopyStep
from napari_octsam.gui.session.undo import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_octsam.gui.layers.bscans import Plane
    from napari_octsam.gui.layers.shown import ShownBScan
    from napari_octsam.gui.prompting.drawing import Drawing
    from napari_octsam.gui.session.undo import History

__all__ = ["COPY_KEY", "PASTE_KEY", "Copying"]

COPY_KEY = str(KeyBinding.from_int(KeyMod.CtrlCmd | KeyCode.KeyC))
PASTE_KEY = str(KeyBinding.from_int(KeyMod.CtrlCmd | KeyCode.KeyV))


class Copying:
    """Copies prompts with their classes, signs and chosen masks, each time as one step.

    napari 0.9.2 pastes shapes without saying so, and fails to paste points in a volume.

    Methods return a sentence on what was done, and raise `UserError` where they do nothing.

    Parameters
    ----------
    viewer
        Where the prompts' layers are.
    shown
        The B-scan to copy from and to.
    drawing
        The prompts.
    history
        Where what was copied can be undone.
    """

    def __init__(
        self, viewer: ViewerModel, shown: ShownBScan, drawing: Drawing, history: History
    ) -> None:
        self._viewer = viewer
        self._shown = shown
        self._drawing = drawing
        self._history = history
        self._copied: TakenPrompts | None = None

    def copy(self) -> str:
        """Remember the prompts that are selected on the active layer."""
        layer = self._viewer.layers.selection.active
        rows = sorted(layer.selected_data) if layer in self._drawing.layers else []
        if not rows:
            raise UserError("Select a prompt first, then copy it.")
        self._copied = prompts_at(layer, rows)
        return f"{counted(len(rows), 'prompt')} copied."

    def paste(self) -> str:
        """Put the prompts that were copied at the same place of the shown B-scan."""
        if self._copied is None:
            raise UserError("No prompt is copied yet.")
        image, plane = self._shown.chosen(), self._shown.plane()
        return f"{self._put([self._copied], image, plane)} pasted."

    def to_next(self, step: int) -> str:
        """Copy all prompts of the shown B-scan to the next, or with -1 the previous, and go there.

        Parameters
        ----------
        step
            1 or -1.
        """
        image, plane = self._shown.chosen(), self._shown.plane()
        target = plane.beside(step, data_shape(image))
        if target is None:
            raise UserError(f"There is no {'next' if step > 0 else 'previous'} B-scan.")
        layers = self._drawing.layers
        rows = [(layer, rows_on_plane(layer, image, plane)) for layer in layers]
        found = [prompts_at(layer, those) for layer, those in rows if those]
        if not found:
            raise UserError("There are no prompts on this B-scan to copy.")
        if any(rows_on_plane(layer, image, target) for layer in layers):
            raise UserError(f"{target.title} has prompts already: clear them there first.")
        self._shown.go_to(target)
        return f"{self._put(found, image, target)} copied to {target.title}."

    def _put(self, prompts: Sequence[TakenPrompts], image: Image, plane: Plane) -> str:
        """Put prompts on a B-scan, as one step; return how many."""
        with self._drawing.one_edit():
            moved = [
                moved_to(self._drawing.layer_on(image, for_points=not one.kinds), one, image, plane)
                for one in prompts
            ]
            for one in moved:
                put_back(one)
        count = counted(sum(len(one.data) for one in moved), "prompt")
        where = f" to {plane.title}" if plane.title else ""
        place = Place(ref(image), plane)
        step = CopyStep(f"copying of {count}{where}", place, moved, self._viewer, self._drawing)
        self._history.push(step)
        return count
