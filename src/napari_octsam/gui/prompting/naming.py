"""The names of prompts on the canvas: seen to after each edit, and after the person has zoomed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superqt.utils import QSignalDebouncer

from napari_octsam.gui.layers.prompt_names import show_free_names

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_octsam.gui.prompting.drawing import Drawing

__all__ = ["Naming"]

_ZOOM_TIME = 100  # milliseconds


class Naming:
    """Keeps names that would overprint each other from being shown."""

    def __init__(self, viewer: ViewerModel, drawing: Drawing) -> None:
        self._viewer = viewer
        self._drawing = drawing
        self._timer = QSignalDebouncer()
        self._timer.setTimeout(_ZOOM_TIME)
        self._timer.triggered.connect(self.refresh)
        self._zoomed = viewer.scene.camera.events.zoom
        self._zoomed.connect(self._on_zoom)
        drawing.edited.connect(self.refresh)
        drawing.layers_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the names that there is room for now."""
        shapes, dims = self._drawing.shapes, self._viewer.dims
        if shapes is None or dims.ndisplay != 2:
            return
        displayed = [axis - (dims.ndim - shapes.ndim) for axis in dims.displayed]
        if min(displayed) >= 0:
            show_free_names(shapes, displayed, self._viewer.scene.camera.zoom)

    def close(self) -> None:
        """Follow the view no more."""
        self._zoomed.disconnect(self._on_zoom)

    def _on_zoom(self, _event: Any) -> None:
        self._timer.throttle()
