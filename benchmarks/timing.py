"""Times taken in turn, so that whatever else the machine does falls on all contenders alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Spread", "in_turn", "pairwise", "timed"]

_SETTLE = 0.05  # seconds: OpenMP's threads spin for a while after the work is done


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest of some figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of at least one figure."""
        return cls(median(values), min(values), max(values))


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """Return a function that does the action and returns the seconds that it took."""

    def run() -> float:
        started = time.perf_counter()
        action()
        return time.perf_counter() - started

    return run


def in_turn(
    contenders: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: bool = True
) -> dict[str, list[float]]:
    """Run contenders A B C A B C ..., and return the seconds that each took in each round.

    Parameters
    ----------
    contenders
        Each returns its seconds; see `timed`.
    rounds
        How often each runs.
    warm_up
        One round before the others is not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds + warm_up):
        for name, contender in contenders.items():
            time.sleep(_SETTLE)
            taken[name].append(contender())
    return {name: seconds[warm_up:] for name, seconds in taken.items()}


def pairwise(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return the spread of ours / theirs, round by round."""
    return Spread.of([a / b for a, b in zip(ours, theirs, strict=True)])
