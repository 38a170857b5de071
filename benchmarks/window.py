"""napari's window for the parts that need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari import Viewer

__all__ = ["PLUGIN", "draw", "open_viewer"]

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


def draw() -> None:
    """Have Qt do what waits to be done."""
    from qtpy.QtWidgets import QApplication

    for _ in range(3):  # what is done may post more
        QApplication.processEvents()
