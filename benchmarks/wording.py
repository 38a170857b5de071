"""Figures as they stand in tables."""

from __future__ import annotations

from benchmarks.report import Outcome, Unit
from benchmarks.timing import Spread

__all__ = [
    "VERDICT_COLUMNS",
    "counted",
    "duration",
    "duration_spread",
    "figure",
    "ratio",
    "ratio_spread",
    "verdict",
]

VERDICT_COLUMNS = ("target", "measured", "at most", "")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 round, 7 rounds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Return a time with two to three digits: 4.2 ms, 67 ms, 8.31 s."""
    milliseconds = seconds * 1000
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 999.5 else f"{seconds:.2f} s"


def ratio(value: float) -> str:
    """Return a ratio: 0.04 x, 1.15 x, 21 x."""
    return f"{value:.2f} x" if value < 9.995 else f"{value:.0f} x"


def duration_spread(spread: Spread) -> str:
    """Return the median, and in brackets the lowest and the highest time where they differ."""
    low, middle, high = (duration(seconds) for seconds in (spread.low, spread.median, spread.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def ratio_spread(spread: Spread) -> str:
    """Return the median, and in brackets the lowest and the highest ratio where they differ."""
    low, middle, high = (ratio(value) for value in (spread.low, spread.median, spread.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def figure(value: float, unit: Unit) -> str:
    """Return a figure in its unit."""
    return ratio(value) if unit == "x" else duration(value)


def verdict(outcome: Outcome) -> tuple[str, str, str, str]:
    """Return the row of a target, as `VERDICT_COLUMNS` have it."""
    target, measured = outcome.target, outcome.measured
    return (
        target.name,
        "-" if measured is None else figure(measured, target.unit),
        figure(target.limit, target.unit),
        outcome.mark,
    )
