"""From a prediction to the labels layer, and back."""

from __future__ import annotations

from collections import deque
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
from napari_octsam.gui.layers.new_layers import new_labels, show_schema
from napari_octsam.gui.prompting.collect import PlacedPrompt, rows_on_plane
from napari_octsam.gui.prompting.commits import (
    Place,
    Step,
    TakenPrompts,
    moved_to,
    put_back,
    take_prompts,
    undo_write,
    write,
)
from napari_octsam.gui.prompting.preview import same_selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_octsam.gui.layers.companions import Companions
    from napari_octsam.gui.layers.prompt_layers import PromptLayer
    from napari_octsam.gui.prompting.drawing import Drawing

__all__ = ["Committer"]

_UNDO_STEPS = 20
_HOW_TO_SAVE = "To keep them, select that layer, then File > Save Selected Layers."
_PROMPTS_GONE = "The prompts are gone with their layer."


class Committer:
    """Writes predictions into the target labels layer, takes their prompts away, undoes both.

    Methods return a sentence on what was done, and raise `UserError` where they do nothing.

    Parameters
    ----------
    viewer
        Where new labels layers go.
    drawing
        The prompts.
    companions
        Remembers which labels layer is that of which image.
    """

    target_changed = Signal()
    """`target` is another layer."""

    def __init__(self, viewer: ViewerModel, drawing: Drawing, companions: Companions) -> None:
        self._viewer = viewer
        self._drawing = drawing
        self._companions = companions
        self._image: Image | None = None
        self._target: Labels | None = None
        self._steps: deque[Step] = deque(maxlen=_UNDO_STEPS)
        self._saving_is_told = False
        self.overlap = Overlap.KEEP
        self.replaceable: frozenset[int] = frozenset()
        viewer.layers.events.removed.connect(self._forget)

    @property
    def target(self) -> Labels | None:
        """Labels layer that commits write into; None: the next commit makes a new one."""
        return self._target

    @target.setter
    def target(self, labels: Labels | None) -> None:
        if self._image is not None:
            self._companions.labels.set(self._image, labels)
        if labels is not self._target:
            self._target = labels
            if labels is not None and _has_default_colors(labels):
                show_schema(labels, self._drawing.schema)
            self.target_changed.emit()

    def follow(self, image: Image | None) -> None:
        """Write into the labels layer that was last used with an image, else into a new one."""
        chosen_before_any = self._target if self._image is None else None
        self._image = image
        if image is None:
            self.target = None
        else:
            self.target = self._companions.labels.get(image, self._viewer.layers) or (
                chosen_before_any
            )

    def forget_targets(self) -> None:
        """Write into new labels layers, whatever the image."""
        self._companions.labels.clear()
        self.target = None

    def commit(
        self,
        image: Image,
        plane: Plane,
        placed: Sequence[PlacedPrompt],
        labels: npt.NDArray[np.uint8],
    ) -> str:
        """Write an (H, W) prediction on a plane of an image; take the prompts that it came from."""
        target, note = self._target_for(image)
        written = write(target, plane, labels, self.overlap, self.replaceable)
        predicted = int(np.count_nonzero(labels != NOT_LABELLED))
        if written is None:
            raise UserError(_why_nothing(predicted, self.overlap))
        shapes = [row for p in placed for row in p.shapes]
        points = [row for p in placed for row in p.points]
        taken = self._take([(self._drawing.shapes, shapes), (self._drawing.points, points)])
        self._steps.append(Step(written, taken, Place(ref(image), plane)))
        objects = counted(len(placed), "object")
        outcome = f"{objects} committed: {written.after.size:,} pixels of {target.name}."
        hint = "" if self._saving_is_told else _HOW_TO_SAVE
        self._saving_is_told = True
        return " ".join(filter(None, (outcome, note, hint, self._left_on(image, plane))))

    def clear(self, image: Image, plane: Plane) -> str:
        """Take all prompts of a B-scan away."""
        layers = self._drawing.layers
        taken = self._take((layer, rows_on_plane(layer, image, plane)) for layer in layers)
        return self._remember_cleared(taken, Place(ref(image), plane))

    def clear_all(self) -> str:
        """Take the prompts of every B-scan of every image away."""
        layers = self._drawing.all_layers
        taken = self._take((layer, list(range(len(layer.data)))) for layer in layers)
        return self._remember_cleared(taken)

    @property
    def last_place(self) -> Plane | None:
        """The B-scan of the chosen image that `undo` will change, if it is one."""
        place = self._steps[-1].place if self._steps else None
        return place.plane if place and place.image() is self._image else None

    def undo(self) -> str:
        """Undo the last commit or clearing, also where it was on another image or B-scan."""
        if not self._steps:
            raise UserError("There is no commit to undo.")
        step = self._steps[-1]
        gone = step.written is not None and step.written.labels not in self._viewer.layers
        if step.written is not None and not gone:
            undo_write(step.written)
        self._steps.pop()
        with self._drawing.one_edit():
            back = [self._put_back(taken, step.place) for taken in step.taken]
        where = self._where(step.place)
        prompts = f"The prompts{where} are back." if all(back) else _PROMPTS_GONE
        if step.written is None:
            return prompts
        if gone:
            return f"The labels layer of the commit{where} is gone. {prompts}"
        return f"The commit{where} is undone. {'' if all(back) else prompts}".strip()

    def close(self) -> None:
        """Follow the viewer no more."""
        self._viewer.layers.events.removed.disconnect(self._forget)

    def _target_for(self, image: Image) -> tuple[Labels, str]:
        if self._target is not None:
            if not line_up(self._target, image):
                raise UserError(
                    f"{self._target.name} does not lie pixel for pixel on {image.name}: "
                    "choose another labels layer, or a new one."
                )
            return self._target, ""
        labels, note = new_labels(image, self._drawing.schema, f"{image.name} labels")
        with same_selection(self._viewer):
            self._viewer.layers.insert(self._viewer.layers.index(image) + 1, labels)
        self.target = labels
        return labels, note

    def _left_on(self, image: Image, plane: Plane) -> str:
        """Say how many prompts of a B-scan a commit could not use."""
        layers = self._drawing.layers
        count = sum(len(rows_on_plane(layer, image, plane)) for layer in layers)
        if not count:
            return ""
        return "1 prompt was left." if count == 1 else f"{count} prompts were left."

    def _take(
        self, layers_and_rows: Iterable[tuple[PromptLayer, list[int]]]
    ) -> tuple[TakenPrompts, ...]:
        with self._drawing.one_edit():
            return tuple(take_prompts(layer, rows) for layer, rows in layers_and_rows if rows)

    def _put_back(self, taken: TakenPrompts, place: Place | None) -> bool:
        """Bring prompts back, in another layer of the image where theirs is gone; or fail."""
        if taken.layer not in self._viewer.layers:
            image = place and place.image()
            if place is None or image is None or image is not self._image:
                return False
            layer = self._drawing.layer_on(image, for_points=not taken.kinds)
            taken = moved_to(layer, taken, image, place.plane)
        put_back(taken)
        return True

    def _where(self, place: Place | None) -> str:
        """Name a place, as " on B-scan 2 of patient A"; "" where it is in view for certain."""
        image = None if place is None else place.image()
        if place is None or image is None:
            return ""
        names = [place.plane.title, "" if image is self._image else image.name]
        return f" on {' of '.join(filter(None, names))}" if any(names) else ""

    def _remember_cleared(self, taken: tuple[TakenPrompts, ...], place: Place | None = None) -> str:
        if not taken:
            raise UserError("There are no prompts here.")
        self._steps.append(Step(None, taken, place))
        return "The prompts are cleared; Undo brings them back."

    def _forget(self, event: Any) -> None:
        if event.value is self._target:
            self.target = None


def _why_nothing(predicted: int, overlap: Overlap) -> str:
    if not predicted:
        return "The masks are empty at this threshold: lower it, or draw other prompts."
    if overlap is Overlap.REPLACE:
        return "All predicted pixels have that class already."
    return f"Nothing is changed: all {predicted:,} predicted pixels have a class. Choose Replace."


def _has_default_colors(labels: Labels) -> bool:
    from napari.utils.colormaps import CyclicLabelColormap

    return isinstance(labels.colormap, CyclicLabelColormap)
