"""Words of sentences that people read."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["counted", "listed"]


def counted(number: int, thing: str) -> str:
    """Return "1 B-scan" or "3 B-scans": a number and a thing whose plural ends in s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def listed(names: Iterable[str], word: str) -> str:
    """Return "a, b or c" for the word "or"."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last
