"""Where an object that is carried on from B-scan to B-scan stops."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Limits", "Stop"]


class Stop(StrEnum):
    """Why an object is not carried on any further."""

    EMPTY = "nothing is found"
    SCORE = "the model trusts its mask too little"
    OVERLAP = "the mask does not fit that of the B-scan before"
    AREA = "the mask has become too large or too small"


@dataclass(frozen=True, slots=True)
class Limits:
    """What an object needs to be carried on.

    Parameters
    ----------
    score
        Predicted IoU, 0 to 1, that its mask must have.
    overlap
        IoU, 0 to 1, that it must have with the mask on the B-scan before, moved by as many rows as
        the tissue has.
    growth
        How many times as large as at the start it may become, or as small; 1 or more.
    """

    score: float = 0.6
    overlap: float = 0.5
    growth: float = 3.0

    def stop(self, score: float, overlap: float, growth: float) -> Stop | None:
        """Return why an object stops, which is so many times as large as at the start; or None."""
        if not growth:
            return Stop.EMPTY
        if not score >= self.score:  # what is no number is too little
            return Stop.SCORE
        if overlap < self.overlap:
            return Stop.OVERLAP
        return Stop.AREA if max(growth, 1 / growth) > self.growth else None
