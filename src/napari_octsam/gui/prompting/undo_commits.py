"""Undo and redo of commits, and of clearing and copying prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.label_writing import Written, redo_write, undo_write
from napari_octsam.gui.layers.taken_prompts import TakenPrompts, moved_to, put_back, take_again
from napari_octsam.gui.session.undo import Place, Step

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_octsam.gui.prompting.drawing import Drawing

__all__ = ["ClearStep", "CommitStep", "CopyStep"]

_PROMPTS_GONE = "The prompts are gone with their layer."


class _PromptsStep(Step):
    """Prompts were taken away or added.

    Parameters
    ----------
    text
        What was done.
    place
        Where; None where it was on all B-scans.
    taken
        The prompts, of each layer.
    viewer
        Where the layers are.
    drawing
        Gives prompts another layer where theirs is gone.
    """

    def __init__(
        self,
        text: str,
        place: Place | None,
        taken: Sequence[TakenPrompts],
        viewer: ViewerModel,
        drawing: Drawing,
    ) -> None:
        super().__init__(text, place)
        self._taken = list(taken)
        self._viewer = viewer
        self._drawing = drawing

    @property
    def _where(self) -> str:
        """The place, as " on B-scan 2 of patient A"; "" where it is in view for certain."""
        image = self.place.image() if self.place else None
        if self.place is None or image is None:
            return ""
        names = [self.place.plane.title, "" if image is self._drawing.image else image.name]
        return f" on {' of '.join(filter(None, names))}" if any(names) else ""

    def _bring_back(self) -> str:
        with self._drawing.one_edit():
            homes = [self._in_viewer(taken) for taken in self._taken]
            for taken in filter(None, homes):
                put_back(taken)
        self._taken = [home or taken for home, taken in zip(homes, self._taken, strict=True)]
        return f"The prompts{self._where} are back." if all(homes) else _PROMPTS_GONE

    def _take_away(self) -> None:
        with self._drawing.one_edit():
            self._taken = [
                take_again(taken) if taken.layer in self._viewer.layers else taken
                for taken in self._taken
            ]

    def _in_viewer(self, taken: TakenPrompts) -> TakenPrompts | None:
        """Return prompts in their layer, or in another of the image; None where there is none."""
        if taken.layer in self._viewer.layers:
            return taken
        image = self.place.image() if self.place else None
        if self.place is None or image is None or image is not self._drawing.image:
            return None
        layer = self._drawing.layer_on(image, for_points=not taken.kinds)
        return moved_to(layer, taken, image, self.place.plane)


class ClearStep(_PromptsStep):
    """Prompts were taken away."""

    def take_back(self) -> str:
        """Bring the prompts back."""
        return self._bring_back()

    def do_again(self) -> str:
        """Take the prompts away again."""
        self._take_away()
        return f"The prompts{self._where} are cleared again."


class CopyStep(_PromptsStep):
    """Copies of prompts were added."""

    def take_back(self) -> str:
        """Take the copies away; those that were moved since stay."""
        self._take_away()
        return f"The copied prompts{self._where} are gone."

    def do_again(self) -> str:
        """Bring the copies back."""
        return self._bring_back()


class CommitStep(_PromptsStep):
    """A prediction was written into a labels layer, and its prompts were taken away.

    Parameters
    ----------
    text, place, taken, viewer, drawing
        As of the other steps.
    written
        The pixels of the labels layer.
    """

    def __init__(
        self,
        text: str,
        place: Place,
        taken: Sequence[TakenPrompts],
        viewer: ViewerModel,
        drawing: Drawing,
        written: Written,
    ) -> None:
        super().__init__(text, place, taken, viewer, drawing)
        self._written = self.written = written

    def take_back(self) -> str:
        """Take the labels back, and bring the prompts back."""
        if self._gone:
            return f"{self._gone} {self._bring_back()}"
        undo_write(self._written)
        prompts = self._bring_back()
        undone = f"The commit{self._where} is undone."
        return f"{undone} {prompts}" if prompts == _PROMPTS_GONE else undone

    def do_again(self) -> str:
        """Write the labels again, and take the prompts away again."""
        if self._gone:
            raise UserError(self._gone)
        redo_write(self._written)
        self._take_away()
        return f"The commit{self._where} is redone."

    @property
    def _gone(self) -> str:
        """Why the labels are no more where they were written; "" where they are."""
        labels = self._written.labels
        if labels not in self._viewer.layers:
            return f"The labels layer of the commit{self._where} is gone."
        if not self._written.fits:
            why = f"{labels.name} has another shape"
            return f"The labels of the commit{self._where} are gone: {why}."
        return ""
