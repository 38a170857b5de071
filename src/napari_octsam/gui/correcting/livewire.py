"""The outline of an object between clicks: the cheapest path along its edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.labelling import Probabilities
    from napari_octsam.core.masks import Mask

__all__ = ["Costs", "Path", "Wire", "filled", "wire_costs", "wire_costs_of_class"]

Costs = npt.NDArray[np.float32]
"""(H, W), what a pixel costs as one of an outline: 1 where there is no edge, least on a strong one.
"""
Path = list[tuple[int, int]]
"""(row, col) pixels, each beside the next."""

_REACH = 128  # pixels on either side of a click in which the path is looked for
_LEAST = np.float32(0.02)  # cost of the strongest edge
_SMOOTH, _SMOOTH_CLASS = 1.5, 0.7  # pixels: speckle is not an edge; probabilities are smooth


def wire_costs(image: npt.NDArray[np.uint8]) -> Costs:
    """Return what pixels cost by the edges of an (H, W) image."""
    return _costs(image.astype(np.float32), _SMOOTH)


def wire_costs_of_class(seen: Probabilities, value: int, schema: LabelSchema) -> Costs:
    """Return what pixels cost by where a model sees a class begin, (W, classes, H) in."""
    place = next(i for i, c in enumerate(schema.classes) if c.value == value)
    return _costs(seen[:, place].T, _SMOOTH_CLASS)


class Wire:
    """All cheapest paths from one place, found at once, so that following the mouse is quick.

    Parameters
    ----------
    costs
        Of the B-scan.
    begin
        (row, col) where the paths begin, inside it.
    """

    def __init__(self, costs: Costs, begin: tuple[int, int]) -> None:
        from skimage.graph import MCP_Geometric

        self._begin = begin
        row, col = begin
        top, left = self._corner = max(row - _REACH, 0), max(col - _REACH, 0)
        self._paths = MCP_Geometric(costs[top : row + _REACH + 1, left : col + _REACH + 1])
        reached, _ = self._paths.find_costs([self._inside(begin)])
        self._shape = reached.shape

    def to(self, end: tuple[int, int]) -> Path:
        """Return the path to a place; a straight one where that is too far off."""
        row, col = self._inside(end)
        if not (0 <= row < self._shape[0] and 0 <= col < self._shape[1]):
            return _straight(self._begin, end)
        top, left = self._corner
        return [(top + r, left + c) for r, c in self._paths.traceback((row, col))]

    def _inside(self, place: tuple[int, int]) -> tuple[int, int]:
        return place[0] - self._corner[0], place[1] - self._corner[1]


def filled(outline: Sequence[tuple[int, int]], shape: tuple[int, int]) -> Mask:
    """Return the (H, W) mask of what lies within a closed outline, and of the outline itself."""
    from skimage.draw import polygon

    rows, cols = np.array(outline).T
    mask = np.zeros(shape, bool)
    mask[polygon(rows, cols, shape)] = True
    mask[rows, cols] = True
    return mask


def _costs(values: npt.NDArray[np.float32], smooth: float) -> Costs:
    edges = ndimage.gaussian_gradient_magnitude(values, smooth, mode="nearest")
    usual = max(float(np.percentile(edges, 99)), 1e-6)
    costs: Costs = np.maximum(1 - np.clip(edges / usual, 0, 1), _LEAST).astype(np.float32)
    return costs


def _straight(begin: tuple[int, int], end: tuple[int, int]) -> Path:
    from skimage.draw import line

    rows, cols = line(*begin, *end)
    return list(zip(rows.tolist(), cols.tolist(), strict=True))
