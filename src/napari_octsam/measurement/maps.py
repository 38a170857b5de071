"""Maps seen from above: sampled between A-scans, and as pictures with square pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.measurement.spacing import Spacing

__all__ = ["sampled", "square_map"]

_MOST_PIXELS = 768  # of a side: a picture of a map holds no more than its A-scans


def sampled(
    heights: npt.NDArray[np.floating],
    bscans: npt.NDArray[np.floating],
    cols: npt.NDArray[np.floating],
) -> npt.NDArray[np.float32]:
    """Return a map at other B-scans and columns, which may lie between those that there are.

    Parameters
    ----------
    heights
        (B-scans, W), NaN where nothing is known.
    bscans, cols
        (n,) and (m,) indices.

    Returns
    -------
    (n, m), linear between neighbours; NaN beyond the edges, and where a neighbour is not known.
    """
    return _along(_along(heights, bscans).T, cols).T


def square_map(
    heights: npt.NDArray[np.floating], spacing: Spacing
) -> tuple[npt.NDArray[np.float32], float]:
    """Return a map of (B-scans, W) with square pixels, and their size in µm.

    Of a single B-scan, or of no known distance between B-scans, there is none: ValueError.
    """
    if spacing.between is None or min(heights.shape) < 2:
        raise ValueError("a single B-scan has no map")
    sizes = [(n - 1) * s for n, s in zip(heights.shape, _steps(spacing), strict=True)]
    pixel = max(min(_steps(spacing)), max(sizes) / (_MOST_PIXELS - 1))
    places = [
        np.arange(int(size / pixel) + 1) * pixel / step
        for size, step in zip(sizes, _steps(spacing), strict=True)
    ]
    return sampled(heights, places[0], places[1]), pixel


def _steps(spacing: Spacing) -> tuple[float, float]:
    return spacing.between or spacing.lateral, spacing.lateral


def _along(
    values: npt.NDArray[np.floating], places: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Return values at places along the first axis."""
    places = np.round(places, 6)  # what was computed to be a whole number is one
    count = len(values)
    inside = (places >= 0) & (places <= count - 1)
    kept = np.where(inside, places, 0)
    low = np.floor(kept).astype(np.intp)
    share = (kept - low)[:, None]
    lower, upper = values[low], values[np.minimum(low + 1, count - 1)]
    found = np.where(share == 0, lower, (1 - share) * lower + share * upper)
    found[~inside] = np.nan
    return found.astype(np.float32)
