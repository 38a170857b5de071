"""napari's window for the parts that need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari import Viewer

__all__ = ["PLUGIN", "close", "draw", "open_viewer", "renderer"]

PLUGIN = "napari-octsam"


def open_viewer(image: npt.NDArray[np.uint8] | None = None) -> Viewer:
    """Open a window with an (H, W) image, noise where none is given, and have it drawn."""
    import napari

    if image is None:
        image = np.random.default_rng(0).integers(0, 255, (496, 768), np.uint8)
    viewer = napari.Viewer()
    viewer.add_image(image, name="B-scan")
    draw()
    return viewer


def close(viewer: Viewer) -> None:
    """Close the window, and have Qt delete what was in it.

    Where that is left to the end of the process, PyQt6 crashes now and then.
    """
    from qtpy.QtCore import QCoreApplication, QEvent

    viewer.close()
    draw()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def renderer() -> str:
    """Return what draws the canvas, as OpenGL names it."""
    from vispy.gloo import gl

    return str(gl.glGetParameter(gl.GL_RENDERER))


def draw() -> None:
    """Have Qt do what waits to be done."""
    from qtpy.QtWidgets import QApplication

    for _ in range(3):  # what is done may post more
        QApplication.processEvents()
