"""The fovea: where the inner layers are thinnest in the middle of thicker ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import LabelSchema
from napari_octsam.measurement.spacing import Spacing
from napari_octsam.measurement.thickness import Span, Surfaces

__all__ = ["Fovea", "find_fovea", "inner_retina"]

_SMOOTH_UM = 100.0  # standard deviation: vessels and rough labels go, the pit stays
_AROUND_UM = (700.0, 1300.0)  # radii of where the retina is thickest around a fovea
_LEAST_DEPTH_UM = 20.0
_QUADRANTS = 4


@dataclass(frozen=True, slots=True)
class Fovea:
    """Where the fovea is.

    Parameters
    ----------
    bscan, col
        Indices of its B-scan and its column, which may have fractions.
    found
        Whether it was found in the labels; else a person has said where it is.
    """

    bscan: float
    col: float
    found: bool


def inner_retina(schema: LabelSchema) -> Span:
    """Return the upper half of a schema's layers, which a fovea lacks."""
    return Span("inner retina", 0, max(len(schema.layers) // 2, 1))


def find_fovea(surfaces: Surfaces, schema: LabelSchema, spacing: Spacing) -> Fovea | None:
    """Return the deepest pit of the inner retina; None where there is none, or one B-scan only.

    A pit is thinner by 20 µm than what lies 0.7 to 1.3 mm from it, in each of four quadrants: the
    thin margin of a scan is none.
    """
    if spacing.between is None:
        return None
    heights = inner_retina(schema).thickness(surfaces, spacing.axial)
    known = np.isfinite(heights)
    if not known.any():
        return None
    steps = (spacing.between, spacing.lateral)
    smooth = _smoothed(heights, known, steps)
    ground = np.where(known, smooth, np.inf)
    size = [max(round(_AROUND_UM[0] / step), 1) for step in steps]
    lowest = ndimage.minimum_filter(ground, size=size, mode="nearest")
    widest = [2 * max(round(_AROUND_UM[1] / step), 1) + 1 for step in steps]
    highest = ndimage.maximum_filter(np.where(known, smooth, -np.inf), size=widest, mode="nearest")
    pits = (ground == lowest) & (highest - ground > _LEAST_DEPTH_UM) & known
    deepest, place = _LEAST_DEPTH_UM, None
    for bscan, col in np.argwhere(pits):
        depth = _depth(smooth, known, (int(bscan), int(col)), steps)
        if depth > deepest:
            deepest, place = depth, Fovea(float(bscan), float(col), found=True)
    return place


def _smoothed(
    heights: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], steps: tuple[float, float]
) -> npt.NDArray[np.float64]:
    """Return heights that are smoothed over the known ones alone."""
    sigma = [_SMOOTH_UM / step for step in steps]
    weights = ndimage.gaussian_filter(known.astype(float), sigma, mode="constant")
    sums = ndimage.gaussian_filter(
        np.where(known, heights, 0.0).astype(float), sigma, mode="constant"
    )
    return np.asarray(np.divide(sums, weights, out=np.full(known.shape, np.nan), where=weights > 0))


def _depth(
    smooth: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
    place: tuple[int, int],
    steps: tuple[float, float],
) -> float:
    """Return by how much a place is lower than the lowest quadrant around it, in µm."""
    down, right = (
        (np.arange(count) - at) * step
        for count, at, step in zip(smooth.shape, place, steps, strict=True)
    )
    distance = np.hypot(down[:, None], right)
    around = known & (distance >= _AROUND_UM[0]) & (distance <= _AROUND_UM[1])
    quadrant = np.floor(np.arctan2(down[:, None], right) / (np.pi / 2) + 0.5) % _QUADRANTS
    depths = []
    for number in range(_QUADRANTS):
        there = smooth[around & (quadrant == number)]
        if not there.size:
            return 0.0
        depths.append(float(np.median(there) - smooth[place]))
    return min(depths)
