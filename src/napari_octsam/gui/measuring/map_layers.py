"""A map seen from above, with the subfields and the fovea over it, as layers of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal
from superqt.utils import QSignalDebouncer

from napari_octsam.gui.layers.new_layers import same_selection
from napari_octsam.gui.measuring.map_place import Place, map_place, subfield_lines
from napari_octsam.measurement.limits import round_limits

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer, Points, Vectors

    from napari_octsam.measurement.measure import Measured
    from napari_octsam.measurement.spacing import Spacing

__all__ = ["FOVEA_NAME", "MAP_NAME", "SUBFIELDS_NAME", "MapLayers"]

MAP_NAME, SUBFIELDS_NAME, FOVEA_NAME = "octsam map", "octsam subfields", "octsam fovea"
"""Names of the layers."""

_NO_BSCANS = {"napari-octsam": {"scan": None}}
_OVER_FUNDUS = 0.65
_REST_TIME = 150  # milliseconds after which a hand has put the fovea where it is
_LAYERS = 3
_LINE, _POINT = 1.6, 16  # pixels of the canvas


class MapLayers:
    """Shows a map over the fundus picture, else above the B-scans, at each of them.

    Its layers are hidden, not removed: where OpenGL is Mesa, a canvas that has lost several of them
    at once and gets new ones ends the process (napari 0.9.2, vispy 0.17).

    Parameters
    ----------
    viewer
        Where the layers are added.
    """

    fovea_moved = Signal(float, float)
    """The person has put the fovea on another (B-scan, column)."""
    shown_changed = Signal()
    """The map is shown, or no more."""
    _rested = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        there = [*viewer.layers]  # those of a widget that was closed are taken again
        self._map: Image | None = _named(MAP_NAME, there)
        self._subfields: Vectors | None = _named(SUBFIELDS_NAME, there)
        self._fovea: Points | None = _named(FOVEA_NAME, there)
        if self._fovea is not None:
            self._fovea.events.data.connect(self._on_fovea)
        self._place: Place = np.eye(3)
        self._at = np.zeros((1, 2))  # of the fovea, in the world
        self._spacing: Spacing | None = None
        self._is_dragged = False
        self._rests = QSignalDebouncer()  # the hand that drags the fovea
        self._rests.setTimeout(_REST_TIME)
        self._rests.triggered.connect(self._rested.emit)
        self._rested.connect(self._tell_of_move)
        viewer.scene.camera.events.zoom.connect(self._on_zoom)
        viewer.layers.events.removed.connect(self._on_removed)

    @property
    def is_shown(self) -> bool:
        """Whether a map is to be seen."""
        return self._map in self._viewer.layers and bool(self._map and self._map.visible)

    def show(self, labels: Labels, image: Image | None, measured: Measured, span: str) -> bool:
        """Show the map of a span of labels that were measured; return whether there is one."""
        heights = measured.heights.get(span)
        limits = None if heights is None else round_limits(heights)
        if heights is None or limits is None or measured.spacing.between is None:
            self.hide()
            return False
        was_shown = self.is_shown
        self._spacing = measured.spacing
        self._place, is_over = map_place(labels, image, measured, self._viewer.layers)
        axes = {"units": labels.units[-2:], "axis_labels": labels.axis_labels[-2:]}
        with same_selection(self._viewer):
            self._show_map(heights, limits, axes, opacity=_OVER_FUNDUS if is_over else 1.0)
            self._show_fovea(measured, axes)
        assert self._map is not None
        self._map.name = f"{MAP_NAME}: {span}, µm"
        if not was_shown:
            self._viewer.fit_to_view()
            self.shown_changed.emit()
        if not was_shown and self._fovea is not None and self._fovea.visible:
            self._viewer.layers.selection = {self._fovea}
            self._fovea.mode = "select"
        self._on_zoom()
        return True

    def hide(self) -> None:
        """Show the map no more."""
        was_shown = self.is_shown
        for layer in self._ours:
            layer.visible = False
        if was_shown:
            self._viewer.fit_to_view()
            self.shown_changed.emit()

    @property
    def _ours(self) -> list[Layer]:
        layers = (self._map, self._subfields, self._fovea)
        return [layer for layer in layers if layer is not None and layer in self._viewer.layers]

    def close(self) -> None:
        """Follow the viewer no more."""
        self._rested.disconnect()  # the timer may run out yet, or be gone with its window
        if self._fovea is not None:
            self._fovea.events.data.disconnect(self._on_fovea)
        self._viewer.scene.camera.events.zoom.disconnect(self._on_zoom)
        self._viewer.layers.events.removed.disconnect(self._on_removed)

    def _show_map(
        self,
        heights: npt.NDArray[np.float32],
        limits: tuple[float, float],
        axes: dict[str, Any],
        opacity: float,
    ) -> None:
        from napari.layers import Image

        if self._map is None or self._map not in self._viewer.layers:
            self._map = Image(
                heights,
                name=MAP_NAME,
                colormap="viridis",
                contrast_limits=limits,
                opacity=opacity,
                metadata=_NO_BSCANS,
                **axes,
            )
            self._viewer.layers.append(self._map)
        else:
            self._map.data = heights
        self._map.affine = self._place
        self._map.contrast_limits_range = limits
        self._map.contrast_limits = limits
        self._map.colorbar.visible = True
        self._map.visible = True

    def _show_fovea(self, measured: Measured, axes: dict[str, Any]) -> None:
        """Show circles, spokes and the point; they have the coordinates of the world."""
        fovea = measured.fovea
        for layer in self._ours[1:]:
            layer.visible = fovea is not None
        if fovea is None:
            return
        lines = self._lines_around(fovea.bscan, fovea.col)
        if len(self._ours) < _LAYERS:
            self._add_fovea(lines, axes)
        elif not self._is_dragged:  # else the hand is further by now
            assert self._subfields is not None
            assert self._fovea is not None
            self._subfields.data = lines
            with self._fovea.events.data.blocker(self._on_fovea):
                self._fovea.data = self._at

    def _add_fovea(self, lines: npt.NDArray[np.float64], axes: dict[str, Any]) -> None:
        from napari.layers import Points, Vectors

        self._subfields = Vectors(
            lines, name=SUBFIELDS_NAME, vector_style="line", edge_color="white", **axes
        )
        self._fovea = Points(
            self._at,
            name=FOVEA_NAME,
            symbol="cross",
            size=_POINT,
            face_color="white",
            border_color="black",
            **axes,
        )
        for layer in (self._subfields, self._fovea):
            self._viewer.layers.append(layer)
        self._fovea.events.data.connect(self._on_fovea)

    def _lines_around(self, bscan: float, col: float) -> npt.NDArray[np.float64]:
        """Note where the fovea is, and return circles and spokes around it as vectors."""
        assert self._spacing is not None
        self._at = self._in_world(np.array([[bscan, col]]))
        lines = subfield_lines((bscan, col), self._spacing)
        begins, ends = (self._in_world(lines[:, end]) for end in (0, 1))
        return np.stack([begins, ends - begins], axis=1)

    def _in_world(self, at: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Return (n, 2) B-scans and columns as rows and columns of the world."""
        return np.asarray(at @ self._place[:2, :2].T + self._place[:2, 2])

    def _on_fovea(self, event: Any) -> None:
        """Follow the hand; where the point is removed, or others are added, put it back."""
        layer = self._fovea
        if layer is None or str(event.action) not in ("changed", "added", "removed"):
            return
        if len(layer.data) != 1:
            with layer.events.data.blocker(self._on_fovea):
                layer.data = self._at
                layer.size = _POINT / self._viewer.scene.camera.zoom
            return
        if self._subfields is not None:
            self._subfields.data = self._lines_around(*self._moved_to(layer))
        self._is_dragged = True
        self._rests.throttle()

    def _moved_to(self, fovea: Points) -> tuple[float, float]:
        bscan, col, _ = np.linalg.solve(self._place, [*fovea.data[0], 1.0])
        return float(bscan), float(col)

    def _tell_of_move(self) -> None:
        self._is_dragged = False
        if self._fovea is not None:
            self.fovea_moved.emit(*self._moved_to(self._fovea))

    def _on_zoom(self, _event: Any = None) -> None:
        """Keep lines and point as large on the screen as they are."""
        zoom = self._viewer.scene.camera.zoom
        if self._subfields is not None:
            self._subfields.edge_width = _LINE / zoom
        if self._fovea is not None:
            self._fovea.size = _POINT / zoom  # that of the canvas alone could not be grasped

    def _on_removed(self, event: Any) -> None:
        """Where the person removes the map, the rest is of no use."""
        if event.value is self._map:
            for layer in self._ours:
                layer.visible = False
            self.shown_changed.emit()


def _named(name: str, layers: list[Layer]) -> Any:
    return next((layer for layer in layers if layer.name.startswith(name)), None)
