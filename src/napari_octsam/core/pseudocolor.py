"""Pseudocolour: OpenCV's colour maps, put on a grey B-scan before a model sees it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from napari_octsam.core.config import Pseudocolor

__all__ = ["color_table", "colored"]


@cache
def color_table(name: Pseudocolor) -> npt.NDArray[np.uint8]:
    """Return the (256, 3) uint8 RGB colours of the grey levels 0 to 255.

    The tables are OpenCV's, in RGB order; `scripts/pseudocolors.py` wrote them.
    """
    if name == "grayscale":
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    with (
        files("napari_octsam.core").joinpath("pseudocolors.npz").open("rb") as file,
        np.load(file) as tables,
    ):
        table: npt.NDArray[np.uint8] = tables[name]
        return table


def colored(grey: npt.NDArray[np.uint8], name: Pseudocolor) -> npt.NDArray[np.uint8]:
    """Return an (H, W) uint8 B-scan in colour, (H, W, 3) uint8 RGB."""
    return color_table(name)[grey]
