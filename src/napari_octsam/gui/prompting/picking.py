"""The select tool: a click reaches the prompt under it, whichever layer it is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.gui.prompting.drawing import Tool

if TYPE_CHECKING:
    from typing import Any

    from napari.components import ViewerModel

    from napari_octsam.gui.layers.prompt_layers import PromptLayer
    from napari_octsam.gui.prompting.drawing import Drawing

__all__ = ["Picking"]


class Picking:
    """Selects points and shapes alike; napari alone selects on one layer at a time."""

    def __init__(self, viewer: ViewerModel, drawing: Drawing) -> None:
        self._viewer = viewer
        self._drawing = drawing
        viewer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Follow the mouse no more."""
        self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, _viewer: Any, event: Any) -> None:
        if self._drawing.tool is not Tool.SELECT:
            return
        on_top_first = reversed(self._drawing.layers)
        hit = next((layer for layer in on_top_first if _is_hit(layer, event)), None)
        if hit is not None and hit is not self._viewer.layers.selection.active:
            self._drawing.select_on(hit)


def _is_hit(layer: PromptLayer, event: Any) -> bool:
    if not layer.visible:
        return False
    value = layer.get_value(
        event.position,
        view_direction=event.view_direction,
        dims_displayed=event.dims_displayed,
        world=True,
    )
    parts = value if isinstance(value, tuple) else (value,)  # of shapes: which, and its vertex
    return any(part is not None for part in parts)
