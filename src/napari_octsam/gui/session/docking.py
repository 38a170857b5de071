"""The docks of the plugin's widgets: tabs of one place, beside an image that keeps fitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import ViewerModel

__all__ = ["fits_canvas", "share_dock"]

_NEAR = 0.15


def share_dock(widget: QWidget, others: Iterable[QWidget]) -> None:
    """Make a widget's dock a tab beside those of other widgets, and bring it to the front.

    Docks that float or are hidden are left alone; where there is none but those, so is its own.
    """
    window, dock = widget.window(), _dock_of(widget)
    docks = [other for other in map(_dock_of, others) if other is not None and other is not dock]
    settled = [other for other in docks if not (other.isFloating() or other.isHidden())]
    if isinstance(window, QMainWindow) and dock is not None and settled:
        window.tabifyDockWidget(settled[-1], dock)
        dock.raise_()
        for tab in (*settled, dock):
            tab.setWindowTitle(tab.windowTitle().partition(" (")[0])  # else cut off in the tab


def fits_canvas(viewer: ViewerModel) -> bool:
    """Return whether the view is about as `fit_to_view` makes it, so that nobody has zoomed in it.

    napari fits the view before sliders and docks have taken their room, so it is never exact.
    """
    if not viewer.layers:
        return False
    camera = viewer.scene.camera
    centre, zoom = camera.center, camera.zoom
    viewer.fit_to_view()
    moved = np.subtract(camera.center, centre) * zoom
    is_near = abs(zoom / camera.zoom - 1) < _NEAR and max(abs(moved)) < _NEAR * min(
        viewer.canvas.size
    )
    camera.center, camera.zoom = centre, zoom
    return bool(is_near)


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
