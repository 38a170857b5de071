"""From a prediction to the labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Overlap
from napari_octsam.core.wording import counted
from napari_octsam.gui.layers.bscans import Plane, line_up
from napari_octsam.gui.layers.label_writing import write
from napari_octsam.gui.layers.labels_in_use import add_labels, labels_in_use, labels_to_take
from napari_octsam.gui.layers.layer_schema import check_meaning
from napari_octsam.gui.layers.taken_prompts import TakenPrompts, take_prompts
from napari_octsam.gui.prompting.collect import rows_on_plane
from napari_octsam.gui.prompting.sentences import names_of
from napari_octsam.gui.prompting.undo_commits import ClearStep, CommitStep
from napari_octsam.gui.session.undo import Place

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_octsam.gui.layers.companions import Companions
    from napari_octsam.gui.layers.prompt_layers import PromptLayer
    from napari_octsam.gui.prompting.drawing import Drawing
    from napari_octsam.gui.prompting.predicted import Predicted
    from napari_octsam.gui.session.undo import History

__all__ = ["Committer"]

_HOW_TO_SAVE = "It is on the disk by itself; Save as … chooses where."


class Committer:
    """Writes predictions into the target labels layer, and takes their prompts away.

    Methods return a sentence on what was done, and raise `UserError` where they do nothing.

    Parameters
    ----------
    viewer
        Where new labels layers go.
    drawing
        The prompts.
    companions
        Remembers which labels layer is that of which image.
    history
        Where each commit and clearing can be undone.
    """

    target_changed = Signal()
    """`target` is another layer."""

    def __init__(
        self, viewer: ViewerModel, drawing: Drawing, companions: Companions, history: History
    ) -> None:
        self._viewer = viewer
        self._drawing = drawing
        self._companions = companions
        self._history = history
        self._image: Image | None = None
        self._target: Labels | None = None
        self._wants_new = False
        self._saving_is_told = False
        self.held = ""
        """Why nothing can be committed for a moment; "" where it can."""
        self.overlap = Overlap.KEEP
        self.replaceable: frozenset[int] = frozenset()
        viewer.layers.events.removed.connect(self._forget)
        companions.labels.changed.connect(self._hear_of_labels)

    @property
    def target(self) -> Labels | None:
        """Labels layer that commits write into.

        None: the next commit takes the labels that the image has, or makes a new layer.
        """
        return self._target

    @target.setter
    def target(self, labels: Labels | None) -> None:
        if self._image is not None:
            self._companions.labels.set(self._image, labels)
        self._wants_new = False
        if labels is not self._target:
            self._target = labels
            self.target_changed.emit()

    def start_new(self) -> None:
        """Have the next commit make a new layer, whatever labels the image has."""
        self.target = None
        self._wants_new = True

    def follow(self, image: Image | None) -> None:
        """Write into the labels layer that was last used with an image, else into another of it."""
        chosen_before_any = self._target if self._image is None else None
        self._image = image
        self._look_for_target(chosen_before_any)

    def follow_schema(self) -> None:
        """Write into a labels layer of the schema that is in use now."""
        self._look_for_target(None)

    def commit(self, predicted: Predicted, threshold: float) -> str:
        """Write a prediction from a threshold on; take the prompts that it came from away."""
        if self.held:
            raise UserError(self.held)
        image, plane, placed = predicted.image, predicted.plane, predicted.placed
        labels = predicted.labels(threshold)
        target, note = self._target_for(image)
        with self._history.own_writes():
            written = write(target, plane, labels, self.overlap, self.replaceable)
        if written is None:
            raise UserError(_why_nothing(labels, self.overlap))
        shapes = [row for p in placed for row in p.shapes]
        points = [row for p in placed for row in p.points]
        taken = self._take([(self._drawing.shapes, shapes), (self._drawing.points, points)])
        values = [p.prompt.class_value for p in placed]
        text = f"commit of {names_of(self._drawing.schema, values)}{_on(plane)}"
        place = Place(ref(image), plane)
        self._history.push(
            CommitStep(text, place, taken, self._viewer, self._drawing, written=written)
        )
        objects = counted(len(placed), "object")
        outcome = f"{objects} committed: {written.after.size:,} pixels of {target.name}."
        hint = "" if self._saving_is_told else _HOW_TO_SAVE
        self._saving_is_told = True
        return " ".join(filter(None, (outcome, note, hint, self._left_on(image, plane))))

    def clear(self, image: Image, plane: Plane) -> str:
        """Take all prompts of a B-scan away."""
        layers = self._drawing.layers
        taken = self._take((layer, rows_on_plane(layer, image, plane)) for layer in layers)
        return self._remember_cleared(taken, _on(plane), Place(ref(image), plane))

    def clear_all(self) -> str:
        """Take the prompts of every B-scan of every image away."""
        layers = self._drawing.all_layers
        taken = self._take((layer, list(range(len(layer.data)))) for layer in layers)
        return self._remember_cleared(taken)

    def close(self) -> None:
        """Follow the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._forget)
        self._companions.labels.changed.disconnect(self._hear_of_labels)

    def _target_for(self, image: Image) -> tuple[Labels, str]:
        if self._target is not None:
            if not line_up(self._target, image):
                raise UserError(
                    f"{self._target.name} does not lie pixel for pixel on {image.name}: "
                    "choose another labels layer, or a new one."
                )
            check_meaning(self._target, self._drawing.schema)
            return self._target, ""
        schema, companions = self._drawing.schema, self._companions
        present = (
            None if self._wants_new else labels_to_take(image, schema, self._viewer, companions)
        )
        if present is not None:
            self.target = present
            return present, f'{image.name} has these labels already; "a new layer" makes others.'
        labels, note = add_labels(image, schema, self._viewer, companions)
        self.target = labels
        return labels, note

    def _look_for_target(self, otherwise: Labels | None) -> None:
        image = self._image
        if image is None:
            self.target = None
            return
        found = labels_in_use(image, self._drawing.schema, self._viewer, self._companions)
        self.target = found or otherwise

    def _left_on(self, image: Image, plane: Plane) -> str:
        """Say how many prompts of a B-scan a commit could not use."""
        layers = self._drawing.layers
        count = sum(len(rows_on_plane(layer, image, plane)) for layer in layers)
        if not count:
            return ""
        return "1 prompt was left." if count == 1 else f"{count} prompts were left."

    def _take(
        self, layers_and_rows: Iterable[tuple[PromptLayer | None, list[int]]]
    ) -> list[TakenPrompts]:
        with self._drawing.one_edit():
            return [
                take_prompts(layer, rows)
                for layer, rows in layers_and_rows
                if layer is not None and rows
            ]

    def _remember_cleared(
        self, taken: list[TakenPrompts], where: str = "", place: Place | None = None
    ) -> str:
        if not taken:
            raise UserError("There are no prompts here.")
        prompts = counted(sum(len(one.data) for one in taken), "prompt")
        text = f"clearing of {prompts}{where}"
        self._history.push(ClearStep(text, place, taken, self._viewer, self._drawing))
        return "The prompts are cleared; Undo brings them back."

    def _forget(self, event: Any) -> None:
        if event.value is self._target:
            self.target = None

    def _hear_of_labels(self, image: Image) -> None:
        """Go on with the labels that something else has begun to use with the image."""
        labels = self._companions.labels.get(image, self._viewer.layers)
        if image is self._image and labels is not None:
            self.target = labels


def _on(plane: Plane) -> str:
    return f" on {plane.title}" if plane.title else ""


def _why_nothing(labels: npt.NDArray[np.uint8], overlap: Overlap) -> str:
    predicted = int(np.count_nonzero(labels != NOT_LABELLED))
    if not predicted:
        return "The masks are empty at this threshold: lower it, or draw other prompts."
    if overlap is Overlap.REPLACE:
        return "All predicted pixels have that class already."
    return f"Nothing is changed: all {predicted:,} predicted pixels have a class. Choose Replace."
