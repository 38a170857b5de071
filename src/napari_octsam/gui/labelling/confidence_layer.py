"""Where the model is unsure of its labels, over the B-scan that is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.gui.layers.bscans import Plane, data_shape
from napari_octsam.gui.layers.labelled_images import CONFIDENCE_NAME
from napari_octsam.gui.layers.new_layers import placed_as, placed_on, same_selection

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.components import ViewerModel
    from napari.layers import Image, Labels
    from napari.utils.colormaps import DirectLabelColormap

__all__ = ["ConfidenceLayer"]

_STEPS = 20
_SHOWN_FROM = 2  # steps of doubt: what is less is no doubt


class ConfidenceLayer:
    """A layer of doubt in steps: clear where the model is sure, then dark red to pale yellow.

    It holds one B-scan, belongs to no annotation, and is there only while it is wanted.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layer: Labels | None = None

    @property
    def layer(self) -> Labels | None:
        """The layer, or None where there is none in the viewer."""
        return self._layer if self._layer in self._viewer.layers else None

    def show(self, image: Image, plane: Plane, confidence: npt.NDArray[np.uint8] | None) -> None:
        """Show the (H, W) confidence, in percent, of a plane of an image; None: it is not known."""
        shape = [1] * plane.ndim
        for axis in plane.axes:
            shape[axis] = data_shape(image)[axis]
        layer = self.layer
        if layer is None or layer.ndim != image.ndim:
            layer = self._insert(image)
        for name, value in placed_on(image, plane).items():
            if not np.array_equal(np.asarray(getattr(layer, name)), np.asarray(value)):
                setattr(layer, name, value)
        doubt = np.zeros(shape, np.uint8)
        if confidence is not None:
            doubt[:] = ((100 - confidence) // (100 // _STEPS)).reshape(shape)
        layer.data = doubt

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        layer = self.layer
        if layer is not None:
            self._viewer.layers.remove(layer)
        self._layer = None

    def _insert(self, image: Image) -> Labels:
        from napari.layers import Labels

        layer = Labels(
            np.zeros((1,) * image.ndim, np.uint8),
            name=CONFIDENCE_NAME,
            opacity=0.7,
            colormap=_colors(),
            **placed_as(image),
        )
        layer.editable = False
        with same_selection(self._viewer):
            self.remove()
            self._viewer.layers.append(layer)
        self._layer = layer
        return layer


def _colors() -> DirectLabelColormap:
    """Return inferno, of even steps to the eye, the clearer the less doubt there is."""
    from napari.utils.colormaps import DirectLabelColormap, ensure_colormap

    steps = np.arange(_SHOWN_FROM, _STEPS + 1)
    colors = ensure_colormap("inferno").map(0.25 + 0.75 * steps / _STEPS)
    colors[:, 3] = np.clip(0.3 + steps / _STEPS, 0, 1)
    shown: dict[int | None, Any] = dict.fromkeys([None, *range(_SHOWN_FROM)], "transparent")
    shown.update(zip(steps.tolist(), colors, strict=True))
    return DirectLabelColormap(color_dict=shown)
