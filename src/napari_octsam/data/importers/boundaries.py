"""From boundaries between layers to a picture of the layers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import steps_between
from napari_octsam.core.classes import NOT_LABELLED

__all__ = ["drawn_columns", "layers_between"]


def drawn_columns(boundaries: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return where every boundary (first axis) was drawn: none is NaN, and not all are 0."""
    drawn: npt.NDArray[np.bool_] = np.isfinite(boundaries).all(0) & (boundaries != 0).any(0)
    return drawn


def layers_between(boundaries: npt.NDArray[np.floating], rows: int) -> npt.NDArray[np.uint8]:
    """Label what lies between consecutive boundaries 1, 2, ... from top to bottom.

    Parameters
    ----------
    boundaries
        (n, W) row coordinates, top to bottom. Layer k goes from row round(b_k) to
        round(b_k+1) - 1; a boundary that crosses the one above it gives way.
    rows
        Height of the B-scan.

    Returns
    -------
    (rows, W) uint8: 0 above and below, `NOT_LABELLED` in columns that were not drawn.
    """
    drawn = drawn_columns(boundaries)
    ordered = np.maximum.accumulate(np.where(drawn, boundaries, 0), axis=0)
    steps = steps_between(ordered, rows)
    layers: npt.NDArray[np.uint8] = np.where(steps == len(boundaries), np.uint8(0), steps)
    layers[:, ~drawn] = NOT_LABELLED
    return layers
