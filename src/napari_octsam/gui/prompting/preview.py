"""The preview of a prediction, in a labels layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.gui.layers.bscans import Plane, data_shape
from napari_octsam.gui.layers.labelled_images import PREVIEW_NAME
from napari_octsam.gui.layers.layer_schema import labels_colormap
from napari_octsam.gui.layers.new_layers import placed_as, placed_on, same_selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

__all__ = ["Preview"]

_BACKGROUND = "#ffffff55"  # a predicted background must be seen


class Preview:
    """One B-scan of predicted labels, shown where it lies in its image.

    The layer holds one B-scan only, whatever the size of the volume, and is made anew where the
    person has deleted it, or the next image has other axes.

    Parameters
    ----------
    name
        Of the layer.
    """

    def __init__(self, viewer: ViewerModel, name: str = PREVIEW_NAME) -> None:
        self._viewer = viewer
        self._name = name
        self._layer: Labels | None = None
        self._schema: LabelSchema | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer, or None where there is none in the viewer."""
        return self._layer if self._layer in self._viewer.layers else None

    def prepare(self, image: Image, schema: LabelSchema, plane: Plane) -> Labels:
        """Return the layer, made where there is none, placed on a plane of an image.

        A new layer is best made before the person draws: napari ends a polygon that is being
        drawn when the selected layer changes.
        """
        layer = self.layer
        if layer is None or layer.ndim != image.ndim:
            layer = self._insert(image)
        for name, value in placed_on(image, plane).items():
            if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
                setattr(layer, name, value)
        if schema != self._schema:
            self._schema = schema
            layer.colormap = labels_colormap(schema, background=_BACKGROUND)
        return layer

    def show(
        self, image: Image, schema: LabelSchema, plane: Plane, labels: npt.NDArray[np.uint8]
    ) -> None:
        """Show an (H, W) prediction on a plane of an image."""
        layer = self.prepare(image, schema, plane)
        shape = [1] * plane.ndim
        for axis in plane.axes:
            shape[axis] = data_shape(image)[axis]
        layer.data = plane.oriented(labels).reshape(shape)

    def clear(self) -> None:
        """Show nothing."""
        layer = self.layer
        if layer is not None and (layer.data != NOT_LABELLED).any():
            layer.data = np.full_like(layer.data, NOT_LABELLED)

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        layer = self.layer
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._layer = None

    def _insert(self, image: Image) -> Labels:
        from napari.layers import Labels

        empty = np.full((1,) * image.ndim, NOT_LABELLED, np.uint8)
        layer = Labels(empty, name=self._name, opacity=0.5, **placed_as(image))
        layer.editable = False
        with same_selection(self._viewer):
            self.remove()
            self._viewer.layers.append(layer)
        self._layer, self._schema = layer, None
        return layer
