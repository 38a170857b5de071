"""What a correction takes, and when a boundary is right."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["CLOSE", "Effort", "Hand", "total", "wrong_columns", "wrong_stretches"]

CLOSE = 1.0
"""Rows by which a boundary may be off the truth in any column."""

_BRIDGED = 5  # right columns between wrong ones that a hand goes over


@dataclass(frozen=True, slots=True)
class Effort:
    """What was done to a B-scan.

    Parameters
    ----------
    actions
        Clicks, drags, strokes, keys and notches of the wheel.
    travel
        Pixels that the mouse went, to the places and at them.
    columns
        Of all boundaries, that were changed.
    left
        Columns of boundaries that are wrong still.
    """

    actions: int = 0
    travel: float = 0.0
    columns: int = 0
    left: int = 0

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            self.actions + other.actions,
            self.travel + other.travel,
            self.columns + other.columns,
            self.left + other.left,
        )


@dataclass(slots=True)
class Hand:
    """Counts what a hand does on a B-scan."""

    place: tuple[float, float] | None = None
    actions: int = 0
    travel: float = 0.0
    touched: set[tuple[int, int]] = field(default_factory=set)

    def act(self, *path: tuple[float, float]) -> None:
        """Do one thing along (row, col) places: a click where there is one; a key where none."""
        self.actions += 1
        for place in path:
            self.travel += math.dist(self.place or place, place)
            self.place = place

    def touch(self, before: npt.NDArray[np.floating], after: npt.NDArray[np.floating]) -> None:
        """Note which columns of (boundaries, W) rows have changed."""
        differ = np.argwhere((before != after) & np.isfinite(after))
        self.touched.update((int(number), int(col)) for number, col in differ)

    def effort(self, left: int) -> Effort:
        """Return what was done."""
        return Effort(self.actions, self.travel, len(self.touched), left)


def total(efforts: Iterable[Effort]) -> Effort:
    """Return the sum."""
    return sum(efforts, Effort())


def wrong_columns(
    found: npt.NDArray[np.floating], truth: npt.NDArray[np.floating]
) -> npt.NDArray[np.bool_]:
    """Return where found rows are more than `CLOSE` off; where the truth is NaN they are right."""
    return np.asarray(np.abs(found - truth) > CLOSE)


def wrong_stretches(wrong: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and the last column of each stretch of wrong ones, (W,)."""
    columns = np.flatnonzero(wrong)
    if not columns.size:
        return []
    parts = np.split(columns, np.flatnonzero(np.diff(columns) > _BRIDGED + 1) + 1)
    return [(int(part[0]), int(part[-1])) for part in parts]
