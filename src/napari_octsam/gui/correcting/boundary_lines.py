"""Boundaries as thin lines over a B-scan, in the colours of their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.gui.layers.new_layers import placed_as

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

    from napari_octsam.core.boundaries import Boundaries
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan

__all__ = ["LINES_NAME", "BoundaryLines"]

LINES_NAME = "octsam boundaries"
"""Name of the layer that shows them."""

_MOST_JOINTS = 320  # of a line: more cannot be told apart on a screen, and would be slower
_WIDTH = 1.6  # pixels of the canvas
_DIM, _LIT = 0.75, 1.0


class BoundaryLines:
    """A layer of line segments, moved as a whole with every move of the mouse.

    Parameters
    ----------
    viewer
        Where the layer is added.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Vectors | None = None
        self._bscan: EditedBScan | None = None
        self._cols: npt.NDArray[np.intp] = np.empty(0, np.intp)
        self._numbers: npt.NDArray[np.intp] = np.empty(0, np.intp)  # of the segments' boundaries
        self._begins: npt.NDArray[np.intp] = np.empty(0, np.intp)
        self._lit: int | None = None

    def show(self, bscan: EditedBScan, boundaries: Boundaries) -> Vectors:
        """Show the boundaries of a B-scan in place of those before; return the layer."""
        from napari.layers import Vectors

        cols = boundaries.shape[1]
        self._bscan = bscan
        joints = min(cols, _MOST_JOINTS)
        self._cols = np.unique(np.linspace(0, cols - 1, joints).round().astype(np.intp))
        there = np.isfinite(boundaries[:, self._cols])
        self._numbers, self._begins = np.nonzero(there[:, :-1] & there[:, 1:])
        segments = self._segments(boundaries)
        if self.layer is None or self.layer not in self._viewer.layers:
            self.layer = Vectors(
                segments,
                ndim=len(bscan.index) + 2,
                name=LINES_NAME,
                vector_style="line",
                edge_color=self._colors(),
                opacity=1.0,
                **placed_as(bscan.labels),
            )
            self._viewer.layers.append(self.layer)
            self._viewer.scene.camera.events.zoom.connect(self._on_zoom)
            self._on_zoom()
        else:
            if self.layer.data.shape == segments.shape:
                self.move(boundaries)
            else:
                self.layer.data = segments
            if len(segments):
                self.layer.edge_color = self._colors()
        return self.layer

    def move(self, boundaries: Boundaries) -> None:
        """Show the boundaries elsewhere; they are in the same columns."""
        if self.layer is not None:
            self.layer.data[:] = self._segments(boundaries)
            self.layer.refresh(thumbnail=False, extent=False)  # that takes most of the time

    def light(self, number: int | None) -> None:
        """Have one of them stand out, or none."""
        if number != self._lit:
            self._lit = number
            if self.layer is not None and len(self._numbers):
                self.layer.edge_color = self._colors()

    def remove(self) -> None:
        """Take the layer away."""
        layer, self.layer, self._lit = self.layer, None, None
        if layer is None:
            return
        self._viewer.scene.camera.events.zoom.disconnect(self._on_zoom)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _segments(self, boundaries: Boundaries) -> npt.NDArray[np.float32]:
        assert self._bscan is not None
        ends = []
        for places in (self._begins, self._begins + 1):
            cols = self._cols[places]
            ends.append(self._bscan.positions(boundaries[self._numbers, cols], cols.astype(float)))
        return np.stack([ends[0], ends[1] - ends[0]], axis=1)

    def _colors(self) -> npt.NDArray[np.float32]:
        assert self._bscan is not None
        layers = self._bscan.schema.layers
        schema = self._bscan.schema
        names = [schema[layer.value].color[1:7] for layer in (*layers, layers[-1])]
        rgb = np.array([[int(name[i : i + 2], 16) for i in (0, 2, 4)] for name in names]) / 255
        colors = np.column_stack([rgb, np.full(len(rgb), _DIM)]).astype(np.float32)
        if self._lit is not None:
            colors[self._lit] = (1, 1, 1, _LIT)
        return colors[self._numbers]

    def _on_zoom(self, _event: object = None) -> None:
        if self.layer is not None:
            scale = float(np.abs(self.layer.scale[-2:]).min())
            self.layer.edge_width = _WIDTH / max(self._viewer.scene.camera.zoom * scale, 1e-6)
