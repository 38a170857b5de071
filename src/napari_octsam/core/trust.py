"""A word for how far a mask can be trusted, where the digits of a score say more than is known."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Trust", "trust_in"]

_SURE = 0.8  # predicted IoU from which a mask is `Trust.SURE`
_DOUBTFUL = 0.6  # below which it is `Trust.DOUBTFUL`


class Trust(StrEnum):
    """How far the model trusts its mask."""

    SURE = "sure"
    LOOK = "look"
    DOUBTFUL = "doubtful"


def trust_in(score: float) -> Trust:
    """Return the word for a predicted IoU, 0 to 1; one that is no number is doubtful."""
    if score >= _SURE:
        return Trust.SURE
    return Trust.LOOK if score >= _DOUBTFUL else Trust.DOUBTFUL
