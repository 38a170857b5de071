"""Which layers go with which image: its labels, and the prompts drawn on it."""

from __future__ import annotations

from collections.abc import Collection, Container, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from psygnal import Signal

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer, Points, Shapes

    from napari_octsam.gui.layers.prompt_layers import PromptLayer

__all__ = ["Companions", "LayerOf"]

L = TypeVar("L")


class LayerOf(Generic[L]):
    """One layer for each image, whatever their names become."""

    changed = Signal(object)
    """An image has another layer, or none any more."""

    def __init__(self) -> None:
        self._layers: WeakValueDictionary[Hashable, L] = WeakValueDictionary()
        self._images: WeakKeyDictionary[L, Hashable] = WeakKeyDictionary()

    def get(self, image: Image, among: Container[Any]) -> L | None:
        """Return the layer of an image, where it is still among the layers of the viewer."""
        layer = self._layers.get(image.unique_id)
        return layer if layer in among else None

    def set(self, image: Image, layer: L | None) -> None:
        """Make a layer, or none, that of an image."""
        before = self._layers.get(image.unique_id)
        if layer is None:
            self._layers.pop(image.unique_id, None)
        else:
            self._layers[image.unique_id] = layer
            self.note(image, layer)
        if layer is not before:
            self.changed.emit(image)

    def note(self, image: Image, layer: L) -> None:
        """Note that a layer is of an image, which may go on with another."""
        self._images[layer] = image.unique_id

    def is_of(self, image: Image, layer: L) -> bool:
        """Whether a layer was last noted, or made, that of an image."""
        return bool(self._images.get(layer) == image.unique_id)

    def give(self, image: Image, layer: L | None) -> None:
        """Make a layer, or none, that of an image alone."""
        for other in [key for key, value in self._layers.items() if value is layer]:
            del self._layers[other]
        self.set(image, layer)


class Companions:
    """What was last used with each image of a viewer.

    Images of one size could share all their layers, and the labels of one patient would be
    written into those of another.
    """

    def __init__(self) -> None:
        self.labels: LayerOf[Labels] = LayerOf()
        self.shapes: LayerOf[Shapes] = LayerOf()
        self.points: LayerOf[Points] = LayerOf()

    def prompts(self, image: Image, among: Container[Any]) -> list[PromptLayer]:
        """Return the layers of prompts on an image."""
        layers = (self.shapes.get(image, among), self.points.get(image, among))
        return [layer for layer in layers if layer is not None]

    def of(self, image: Image, among: Collection[Any]) -> list[Layer]:
        """Return all labels of an image and the layers of prompts on it."""
        last = self.labels.get(image, among)
        labels = [x for x in among if x is last or self.labels.is_of(image, x)]
        return [*labels, *self.prompts(image, among)]
