"""Boundaries between layers, traced through what a model takes each pixel for.

Each boundary is a path along the columns. A row costs what it says against the pixels above it,
taken for what is above, and those below it, taken for what is below; a step costs by its slope. The
Viterbi algorithm (Viterbi 1967, doi:10.1109/TIT.1967.1054010) finds the cheapest path exactly, as
in the tracing of retinal layers by Chiu et al. 2010 (doi:10.1364/OE.18.019413).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import STEEPEST, pushed_down, pushed_up
from napari_octsam.core.errors import UserError

__all__ = ["Anchor", "boundary_costs", "sureness", "trace"]

Costs = npt.NDArray[np.float32]
"""(W, boundaries, rows + 1): how much speaks against a boundary that begins at a row."""

_SLOPE_COST = np.float32(6.0)  # nats a row
_DOUBT = np.float32(1e-3)  # probability that is left to what a model thinks impossible
_NEAR = 2  # rows
_ALIKE = np.float32(3.0)  # rows that say no more than one: a model errs over several together


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place that a boundary goes through, because a person says so.

    Parameters
    ----------
    boundary
        From 0, the uppermost one.
    col, row
        Pixel of the B-scan; the row is the first one below the boundary.
    """

    boundary: int
    col: int
    row: int


def boundary_costs(steps: npt.NDArray[np.float32]) -> Costs:
    """Return what each row costs as a boundary: minus the log-likelihood, least 0 in each column.

    Boundary k at row r costs the sum of -log P(steps up to k) of the rows above r and that of
    -log P(steps after k) of the others.

    Parameters
    ----------
    steps
        (W, n, rows) probabilities of the steps of a stack; see `core.labelling`.
    """
    cols, count, rows = steps.shape
    costs = np.zeros((cols, count - 1, rows + 1), np.float32)
    above, below = steps[:, :-1] + _DOUBT, steps[:, 1:] + _DOUBT
    for number in range(1, count - 1):
        above[:, number] += above[:, number - 1]
        below[:, -1 - number] += below[:, -number]
    odds = np.divide(below, above, out=below)
    np.cumsum(np.log(odds, out=odds), axis=2, out=costs[:, :, 1:])
    costs -= costs.min(axis=2, keepdims=True)
    return costs


def trace(costs: Costs, anchors: Sequence[Anchor] = ()) -> npt.NDArray[np.int_]:
    """Return the cheapest boundaries, (boundaries, W) rows from top to bottom.

    No boundary is steeper than `core.boundaries.STEEPEST`, and each layer is in one piece; see
    `core.boundaries.pushed_down`. They go through all anchors.

    Raises
    ------
    UserError
        There are more layers than rows, or no such boundaries go through all anchors.
    """
    count, rows = costs.shape[1:]
    if rows < count:
        raise UserError(f"{rows - 1} rows of pixels are too few for {count - 1} layers.")
    highest, lowest = _bounds(costs.shape, anchors)
    if anchors:
        row = np.arange(rows)
        barred = (row < highest.T[..., None]) | (row > lowest.T[..., None])
        costs = np.where(barred, np.float32(np.inf), costs)
    paths = _cheapest_paths(costs).clip(highest, lowest)
    return (pushed_down(paths) + pushed_up(paths)) // 2


def sureness(costs: Costs, boundaries: npt.NDArray[np.int_]) -> npt.NDArray[np.float32]:
    """Return how probable it is that each boundary is within 2 rows, (boundaries, W), 0 to 1.

    As each column by itself says: the softmax of minus its costs, summed over those rows. Pixels
    beside each other are not judged independently, so that the costs count for a third.
    """
    likely = np.exp(costs / -_ALIKE)
    rows = boundaries.T[..., None] + np.arange(-_NEAR, _NEAR + 1)
    inside = (rows >= 0) & (rows < costs.shape[2])
    near = np.take_along_axis(likely, rows.clip(0, costs.shape[2] - 1), axis=2) * inside
    sure: npt.NDArray[np.float32] = near.sum(axis=2) / likely.sum(axis=2)
    return sure.T


def _bounds(
    shape: tuple[int, ...], anchors: Sequence[Anchor]
) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.int_]]:
    """Return the highest and the lowest boundaries that the picture and all anchors allow."""
    cols, count, rows = shape
    number = np.arange(count)[:, None]
    highest = np.repeat(number, cols, axis=1)
    lowest = highest + rows - count
    for each in anchors:
        if not (0 <= each.boundary < count and 0 <= each.col < cols and 0 <= each.row < rows):
            raise UserError(
                f"There is no boundary {each.boundary} at row {each.row}, column {each.col}."
            )
        place = each.boundary, each.col
        highest[place] = max(highest[place], each.row)
        lowest[place] = min(lowest[place], each.row)
    highest, lowest = pushed_down(highest), pushed_up(lowest)
    crossed = np.argwhere(highest > lowest)
    if len(crossed):
        boundary, col = crossed[0]
        raise UserError(
            f"Boundary {boundary} cannot go through all anchors around column {col}: they cross "
            f"another boundary's, or ask for more than {STEEPEST} rows a column. Move one of them."
        )
    return highest, lowest


def _cheapest_paths(costs: Costs) -> npt.NDArray[np.int_]:
    """Return the cheapest path of each boundary along the columns, (boundaries, W) rows.

    In a column, all boundaries lie in one line. What parts them is so dear that no path leaves its
    own part of it.
    """
    cols, count, rows = costs.shape
    sums = np.empty((cols, count, rows + 2 * STEEPEST), np.float32)
    sums[:, :, :STEEPEST] = sums[:, :, -STEEPEST:] = np.inf
    sums[:, :, STEEPEST:-STEEPEST] = costs
    lines = sums.reshape(cols, -1)
    reached = np.full_like(lines[0], np.inf)
    inner, beside = reached[1:-1], np.empty_like(reached[1:-1])
    for before, line in pairwise(lines):
        reached[1:-1] = before[1:-1]
        for _ in range(STEEPEST):  # a row up or down each time
            np.minimum(reached[:-2], reached[2:], out=beside)
            np.add(beside, _SLOPE_COST, out=beside)
            np.minimum(inner, beside, out=inner)
        np.add(line, reached, out=line)
    return _backtracked(sums) - STEEPEST


def _backtracked(sums: Costs) -> npt.NDArray[np.int_]:
    """Go back from the cheapest end: (boundaries, W) places along the last axis of the sums."""
    cols, count, places = sums.shape
    steps = np.arange(-STEEPEST, STEEPEST + 1)
    step_costs = _SLOPE_COST * np.abs(steps).astype(np.float32)
    first = (np.arange(count) * places)[:, None] + steps
    paths = np.empty((cols, count), np.intp)
    place = paths[-1] = sums[-1].argmin(axis=1)
    for col in range(cols - 2, -1, -1):
        candidates = sums[col].ravel()[first + place[:, None]]
        place = paths[col] = place + (candidates + step_costs).argmin(axis=1) - STEEPEST
    return paths.T
