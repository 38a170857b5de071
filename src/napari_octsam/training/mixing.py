"""How far to go back to the weights of before, so that little of what a model knew is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["SHARES", "Tried", "best_share"]

SHARES = (1.0, 0.7, 0.5)
"""Shares of the way from the weights of before to those that were learnt that are tried."""

_UNJUDGED = 1.0  # where no B-scan was held back
_LEAST_LOSS = 0.01  # of the score, that going back may cost


@dataclass(frozen=True, slots=True)
class Tried:
    """How good the weights at a share of the way are.

    Parameters
    ----------
    learnt
        Score on the B-scans that were held back; None where there are none.
    remembered
        Of `training.rehearsal`: what the model knew before; None where it cannot be asked.
    """

    learnt: float | None
    remembered: float | None


def best_share(tried: Mapping[float, Tried]) -> float:
    """Return the share that remembers most, of those that have learnt nearly as much as any."""
    scores = {share: each.learnt for share, each in tried.items() if each.learnt is not None}
    if not scores:
        return _UNJUDGED
    enough = max(scores.values()) - _LEAST_LOSS
    able = [share for share, score in scores.items() if score >= enough]
    return max(able, key=lambda share: scores[share] + (tried[share].remembered or 0))
