"""A boundary is moved by a person: dragged with a falloff, or drawn anew along its columns.

Heights are rows as in `core.boundaries`. What is moved never crosses its neighbours: these give
way, or stop it. A layer that was a row high or more keeps a row, one that was thinner its height.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries

__all__ = ["dragged", "drawn", "falloff", "heights_along", "nearest_boundary", "with_heights"]

_LEAST = np.float32(1.0)  # rows

Heights = npt.NDArray[np.float32]


def falloff(cols: int, col: int, width: int, anchors: Collection[int] = ()) -> Heights:
    """Return how much of a drag each column takes part in, (cols,), 1 at its own, 0 far from it.

    Parameters
    ----------
    col
        The column that is dragged.
    width
        Columns on either side after which nothing moves, 1 or more; between, a raised cosine.
    anchors
        Columns that stay where they are; nothing moves behind them either.
    """
    left = min((col - each for each in anchors if each < col), default=width)
    right = min((each - col for each in anchors if each > col), default=width)
    away = np.arange(cols, dtype=np.float32) - col
    reach = np.where(away < 0, min(left, width), min(right, width)).astype(np.float32)
    share = np.clip(np.abs(away) / np.maximum(reach, 1), 0, 1)
    return ((1 + np.cos(np.pi * share)) / 2).astype(np.float32)


def dragged(
    boundaries: Boundaries,
    number: int,
    weights: Heights,
    by: float,
    rows: int,
    *,
    giving_way: bool = True,
) -> Boundaries:
    """Return the boundaries after one was dragged down by some rows, or up where they are negative.

    Parameters
    ----------
    number
        Of the boundary, from 0, the uppermost one.
    weights
        (W,) how much of it each column takes part in: `falloff`.
    rows
        Height of the B-scan.
    giving_way
        Whether its neighbours are pushed; else they stop it.
    """
    wanted = boundaries[number] + np.float32(by) * weights
    return with_heights(boundaries, number, wanted, rows, giving_way=giving_way)


def drawn(
    boundaries: Boundaries,
    number: int,
    path: Sequence[tuple[float, float]],
    rows: int,
    *,
    giving_way: bool = True,
) -> Boundaries:
    """Return the boundaries after one was drawn anew in the columns that a path passes.

    Parameters
    ----------
    path
        (row, col) of the pen, as it went; where it came back, the later row holds.
    """
    wanted = heights_along(path, boundaries.shape[1])
    wanted = np.where(np.isnan(wanted), boundaries[number], wanted)
    return with_heights(boundaries, number, wanted, rows, giving_way=giving_way)


def heights_along(path: Sequence[tuple[float, float]], cols: int) -> Heights:
    """Return the row of a path in each column that it passes, (cols,), NaN in the others."""
    heights = np.full(cols, np.nan, np.float32)
    for (row, col), (next_row, next_col) in pairwise([path[0], *path]):
        first, last = sorted((round(col), round(next_col)))
        passed = np.arange(max(first, 0), min(last, cols - 1) + 1)
        if first == last:
            heights[passed] = next_row
        else:
            share = np.clip((passed - col) / (next_col - col), 0, 1)
            heights[passed] = row + share * (next_row - row)
    return heights


def with_heights(
    boundaries: Boundaries, number: int, heights: Heights, rows: int, *, giving_way: bool = True
) -> Boundaries:
    """Return the boundaries with other heights of one, as far as the picture and the order allow.

    Columns in which the heights stay, or are NaN in either, are left as they are.
    """
    changes = np.isfinite(heights) & (heights != boundaries[number])
    if not changes.any():
        return boundaries
    found = boundaries.copy()
    part = found[:, changes]
    gaps = np.minimum(np.diff(part, axis=0), _LEAST)
    if giving_way:
        highest, lowest = gaps[:number].sum(axis=0), rows - gaps[number:].sum(axis=0)
        part[number] = np.clip(heights[changes], highest, lowest)
        _push(part, number, gaps)
    else:
        top = part[number - 1] + gaps[number - 1] if number else np.float32(0)
        last = number == len(part) - 1
        bottom = np.float32(rows) if last else part[number + 1] - gaps[number]
        part[number] = np.clip(heights[changes], top, bottom)
    found[:, changes] = part
    return found


def nearest_boundary(
    boundaries: Boundaries, row: float, col: float, within: float = np.inf
) -> int | None:
    """Return the number of the boundary nearest to a place, or None where none is so near.

    Parameters
    ----------
    within
        Rows.
    """
    at = round(col)
    if not 0 <= at < boundaries.shape[1]:
        return None
    away = np.abs(boundaries[:, at] - row)
    if np.isnan(away).all() or np.nanmin(away) > within:
        return None
    return _of_equals(boundaries[:, at], int(np.nanargmin(away)), row)


def _of_equals(heights: Heights, number: int, row: float) -> int:
    """Of boundaries that lie on one another, return the one that is free to move to a row."""
    same = np.flatnonzero(heights == heights[number])
    return int(same[-1] if row > heights[number] else same[0])


def _push(part: Heights, number: int, gaps: Heights) -> None:
    for above in range(number - 1, -1, -1):
        np.minimum(part[above], part[above + 1] - gaps[above], out=part[above])
    for below in range(number + 1, len(part)):
        np.maximum(part[below], part[below - 1] + gaps[below - 1], out=part[below])
