"""How far the boundary of a mask is from the truth's."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import KDTree

from napari_octsam.core.masks import Mask

__all__ = ["BoundaryError", "SurfaceDistances", "boundary_error", "surface_distances"]


class SurfaceDistances(NamedTuple):
    """Distances between the outlines of two masks, in the unit of the spacing."""

    hd95: float
    """95th percentile of the Hausdorff distance: the greater one of the two directions."""
    mean: float
    """Average symmetric surface distance: over the pixels of both outlines."""


class BoundaryError(NamedTuple):
    """Mean distance along the A-scans in pixels, of the top and the bottom of a layer."""

    top: float
    bottom: float


def surface_distances(
    predicted: Mask, truth: Mask, spacing: tuple[float, float] = (1.0, 1.0)
) -> SurfaceDistances:
    """Measure the distances between the outlines of two (H, W) masks.

    An outline is made of the mask's pixels that touch another pixel, or the border, by a side.

    Parameters
    ----------
    spacing
        Of rows and of columns: pixels, or µm.

    Returns
    -------
    NaN where either mask is empty.
    """
    if not predicted.any() or not truth.any():
        return SurfaceDistances(math.nan, math.nan)
    ours, theirs = (_outline(mask) * spacing for mask in (predicted, truth))
    there, back = KDTree(theirs).query(ours)[0], KDTree(ours).query(theirs)[0]
    return SurfaceDistances(
        hd95=float(max(np.percentile(there, 95), np.percentile(back, 95))),
        mean=float(np.concatenate([there, back]).mean()),
    )


def boundary_error(predicted: Mask, truth: Mask, counted: Mask) -> BoundaryError:
    """Compare the top and the bottom row of two (H, W) masks in each A-scan that shows both.

    Parameters
    ----------
    counted
        (H, W) bool: pixels that somebody labelled. Where the truth ends at one that nobody did,
        its boundary is not known and the A-scan does not count.

    Returns
    -------
    NaN where no A-scan counts.
    """
    predicted, truth = predicted & counted, truth & counted
    return BoundaryError(
        top=_top_error(predicted, truth, counted),
        bottom=_top_error(predicted[::-1], truth[::-1], counted[::-1]),
    )


def _outline(mask: Mask) -> npt.NDArray[np.intp]:
    """Return (pixels, 2) rows and columns."""
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def _top_error(predicted: Mask, truth: Mask, counted: Mask) -> float:
    top = truth.argmax(axis=0)
    known = (top == 0) | counted[np.maximum(top - 1, 0), np.arange(truth.shape[1])]
    compared = predicted.any(axis=0) & truth.any(axis=0) & known
    errors = np.abs(predicted.argmax(axis=0) - top)[compared]
    return float(errors.mean()) if errors.size else math.nan
