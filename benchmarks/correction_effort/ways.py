"""The ways of correcting boundaries: drag and draw, trace again, paint polygons."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from skimage.measure import approximate_polygon

from benchmarks.correction_effort.effort import (
    CLOSE,
    Effort,
    Hand,
    wrong_columns,
    wrong_stretches,
)
from napari_octsam.core.boundaries import Boundaries
from napari_octsam.core.boundary_edits import dragged, drawn, falloff
from napari_octsam.core.errors import UserError
from napari_octsam.core.retracing import retraced
from napari_octsam.core.tracing import Costs

__all__ = ["by_dragging", "by_drawing", "by_polygon", "by_retracing"]

_WIDTHS = (2, 4, 8, 16, 32, 64, 128)
_MOST = 400  # actions at a B-scan, after which a person gives up
_SHORT_OF_CLOSE = 0.9 * CLOSE
_CORNERS = 2  # of a polygon, on the side that need not be exact


def by_dragging(found: Boundaries, truth: Boundaries, rows: int) -> Effort:
    """Drag the worst place of the worst boundary to the truth, until none is wrong.

    The falloff is the one that leaves the fewest wrong columns; each doubling or halving of its
    width is a notch of the wheel, an action.
    """
    hand, width = Hand(), 3
    while hand.actions < _MOST and (wrong := wrong_columns(found, truth)).any():
        error = np.where(wrong, np.abs(found - truth), 0)
        number, col = np.unravel_index(int(error.argmax()), error.shape)
        by = float(truth[number, col] - found[number, col])
        best, after = None, found
        for choice, columns in enumerate(_WIDTHS):
            weights = falloff(found.shape[1], int(col), columns)
            moved = dragged(found, int(number), weights, by, rows)
            left = int(wrong_columns(moved, truth).sum()), abs(choice - width)
            if best is None or left < best:
                best, after, chosen = left, moved, choice
        for _ in range(abs(chosen - width)):
            hand.act()
        start = (float(found[number, col]), float(col))
        hand.act(start, (start[0] + by, start[1]))
        hand.touch(found, after)
        if np.array_equal(found, after, equal_nan=True):
            break
        found, width = after, chosen
    return hand.effort(int(wrong_columns(found, truth).sum()))


def by_drawing(found: Boundaries, truth: Boundaries, rows: int) -> Effort:
    """Draw each wrong stretch of each boundary anew with one stroke along the truth.

    The hand goes straight between whole pixels, as far apart as the truth allows.
    """
    hand = Hand()
    for number in range(len(found)):
        for stretch in wrong_stretches(wrong_columns(found, truth)[number]):
            path = _along(truth[number], *stretch)
            hand.act(*path)
            after = drawn(found, number, path, rows)
            hand.touch(found, after)
            found = after
    return hand.effort(int(wrong_columns(found, truth).sum()))


def by_retracing(found: Boundaries, truth: Boundaries, costs_of: Callable[[int], Costs]) -> Effort:
    """Click on both ends of each wrong stretch, then where it is worst, until it is right."""
    hand = Hand()
    for number in range(len(found)):
        for first, last in wrong_stretches(wrong_columns(found, truth)[number]):
            costs = costs_of(number)
            ends = max(first - 1, 0), min(last + 1, found.shape[1] - 1)
            clicks = [_click(found, truth, number, col) for col in ends]
            hand.act(clicks[0])
            hand.act(clicks[1])
            after = _traced(found, number, clicks, costs)
            while (wrong := wrong_columns(after, truth)[number, ends[0] : ends[1] + 1]).any():
                error = np.abs(after - truth)[number, ends[0] : ends[1] + 1]
                col = ends[0] + int(np.where(wrong, error, 0).argmax())
                if col in {place for _, place in clicks} or hand.actions > _MOST:
                    break
                clicks.append(_click(truth, truth, number, col))
                hand.act(clicks[-1])
                after = _traced(found, number, clicks, costs)
            hand.act()  # Enter
            hand.touch(found, after)
            found = after
    return hand.effort(int(wrong_columns(found, truth).sum()))


def by_polygon(found: Boundaries, truth: Boundaries, rows: int) -> Effort:
    """Paint what is missing of a class with napari's polygon, stretch by stretch.

    A stretch that is off to one side takes a click at each vertex along the truth, two on the side
    that lies in the class and need not be exact, one to close it, and a key where the class differs
    from the last one.
    """
    hand, painted = Hand(), -1
    for number in range(len(found)):
        wrong = wrong_columns(found, truth)[number]
        sides = np.sign(found[number] - truth[number]) * wrong
        for side in (-1, 1):
            for first, last in wrong_stretches(sides == side):
                value = number if side < 0 else number + 1  # the class above, or below
                if value != painted:
                    hand.act()
                    painted = value
                path = _along(truth[number], first, last)
                for place in path:
                    hand.act(place)
                for corner in _inner_corners(found[number], first, last, side):
                    hand.act(corner)
                hand.act()  # closes it
                after = drawn(found, number, path, rows)
                hand.touch(found, after)
                found = after
    return hand.effort(int(wrong_columns(found, truth).sum()))


def _along(truth: npt.NDArray[np.floating], first: int, last: int) -> list[tuple[float, float]]:
    """Return the fewest whole pixels whose straight joints are close to the truth."""
    cols = np.arange(first, last + 1)
    cols = cols[np.isfinite(truth[cols])]
    line = np.column_stack([truth[cols], cols])
    if len(line) > 2:
        line = approximate_polygon(line, _SHORT_OF_CLOSE / 2)
    return [(float(round(row)), float(col)) for row, col in line]


def _inner_corners(
    found: npt.NDArray[np.floating], first: int, last: int, side: int
) -> list[tuple[float, float]]:
    ends = np.linspace(last, first, _CORNERS).astype(int)
    return [(float(found[col] + 2 * side), float(col)) for col in ends]


def _click(found: Boundaries, truth: Boundaries, number: int, col: int) -> tuple[float, float]:
    row = truth[number, col] if np.isfinite(truth[number, col]) else found[number, col]
    return float(round(float(row))), float(col)


def _traced(
    found: Boundaries, number: int, clicks: list[tuple[float, float]], costs: Costs
) -> Boundaries:
    try:
        return retraced(found, number, [(row, int(col)) for row, col in clicks], costs)
    except UserError:  # two clicks too steep: the last one helps nothing
        return found
