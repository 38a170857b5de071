"""One boundary is found again between places that a person clicked on.

It goes through all of them, along the cheapest path (`core.tracing`): on what a model takes each
pixel for, or on how the image changes from row to row where there is no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.boundaries import STEEPEST, Boundaries
from napari_octsam.core.boundary_edits import heights_along, with_heights
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.labelling import Probabilities, step_probabilities
from napari_octsam.core.tracing import Anchor, Costs, boundary_costs, trace

__all__ = ["costs_from_image", "costs_from_probabilities", "retraced"]

_BARRED = np.float32(1e4)  # dearer than any path
_MARGIN = 3  # rows around the straight way between two clicks that are free in any case
_SMOOTH = (1.2, 2.0)  # rows, columns
_CONTRAST = np.float32(20.0)  # nats of a place that shows no edge
_ONE_WAY = 0.5  # of the edges' sum, above which a boundary is taken for bright or dark below


def costs_from_probabilities(
    probabilities: Probabilities, schema: LabelSchema, number: int
) -> Costs:
    """Return what the rows cost as one boundary of a schema, (W, 1, H + 1)."""
    steps = step_probabilities(probabilities, schema)
    above = steps[:, : number + 1].sum(axis=1)
    below = steps[:, number + 1 :].sum(axis=1)
    return boundary_costs(np.stack([above, below], axis=1))


def costs_from_image(image: npt.NDArray[np.uint8], boundaries: Boundaries, number: int) -> Costs:
    """Return what the rows cost as a boundary by the edges of an image, (W, 1, H + 1).

    Edges count that go the way of the boundary's own: from dark to bright, from bright to dark, or
    either where it shows no one way.

    Parameters
    ----------
    image
        (H, W) grey values.
    boundaries
        Where they are now.
    """
    smooth = ndimage.gaussian_filter(image.astype(np.float32), _SMOOTH, mode="nearest")
    edges = np.zeros((image.shape[0] + 1, image.shape[1]), np.float32)
    edges[1:-1] = np.diff(smooth, axis=0)
    known = np.flatnonzero(np.isfinite(boundaries[number]))
    rows = np.floor(boundaries[number, known] + 0.5).astype(np.intp).clip(0, image.shape[0])
    own = edges[rows, known]
    way = float(own.sum()) / max(float(np.abs(own).sum()), 1e-6)
    edges = np.abs(edges) if abs(way) < _ONE_WAY else edges * np.sign(np.float32(way))
    usual = max(float(np.percentile(edges, 99)), 1e-6)
    costs = _CONTRAST * (1 - np.clip(edges / usual, 0, 1))
    return np.ascontiguousarray(costs.T[:, None])


def retraced(
    boundaries: Boundaries,
    number: int,
    clicks: Sequence[tuple[float, float]],
    costs: Costs,
    *,
    giving_way: bool = True,
) -> Boundaries:
    """Return the boundaries after one was found again between the outermost clicks.

    Elsewhere it stays. It lies between its neighbours, unless a click is beyond one.

    Parameters
    ----------
    clicks
        Two or more (row, col), in any order; the later of two in one column holds.
    costs
        (W, 1, H + 1), of this boundary.

    Raises
    ------
    UserError
        There are fewer than two, they are outside the B-scan, or two are steeper than a boundary
        can be.
    """
    places = _in_order(clicks, costs)
    first, last = places[0][1], places[-1][1]
    part = slice(first, last + 1)
    free = _free_rows(boundaries[:, part], number, places, costs.shape[2])
    here: Costs = np.where(free[:, None], costs[part], _BARRED)
    path = trace(here, [Anchor(0, col - first, row) for row, col in places])
    heights = boundaries[number].copy()
    heights[part] = path[0]
    return with_heights(boundaries, number, heights, costs.shape[2] - 1, giving_way=giving_way)


def _in_order(clicks: Sequence[tuple[float, float]], costs: Costs) -> list[tuple[int, int]]:
    """Return the clicks as rows of boundaries and columns, from left to right."""
    by_col = {round(col): round(row) for row, col in clicks}
    places = [(row, col) for col, row in sorted(by_col.items())]
    if len(places) < 2:
        raise UserError("A boundary is traced between two places or more: click on another one.")
    for row, col in places:
        if not (0 <= col < costs.shape[0] and 0 <= row < costs.shape[2]):
            raise UserError(f"Row {row}, column {col} is outside the B-scan: click inside it.")
    for (row, col), (next_row, next_col) in pairwise(places):
        if abs(next_row - row) > STEEPEST * (next_col - col):
            raise UserError(
                f"From column {col} to {next_col} the boundary would be steeper than {STEEPEST} "
                "rows a column: move one of the two clicks."
            )
    return places


def _free_rows(
    boundaries: Boundaries, number: int, places: Sequence[tuple[int, int]], rows: int
) -> npt.NDArray[np.bool_]:
    """Return which rows the boundary may take, (W, rows): between its neighbours, or the clicks."""
    first = places[0][1]
    straight = heights_along([(row, col - first) for row, col in places], boundaries.shape[1])
    top = boundaries[number - 1] if number else np.zeros_like(straight)
    bottom = boundaries[number + 1] if number + 1 < len(boundaries) else top * 0 + rows
    top = np.fmin(np.nan_to_num(top), straight - _MARGIN)
    bottom = np.fmax(np.nan_to_num(bottom, nan=rows), straight + _MARGIN)
    row = np.arange(rows)
    return np.asarray((row >= top[:, None]) & (row <= bottom[:, None]))
