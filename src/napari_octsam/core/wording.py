"""Words of sentences that people read."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, thing: str) -> str:
    """Return "1 B-scan" or "3 B-scans": a number and a thing whose plural ends in s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
