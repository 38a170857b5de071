"""Words of sentences that people read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["counted", "duration", "listed", "printable"]

_MINUTE, _HOUR = 60, 3600
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # the order of what is read


def counted(number: int, thing: str) -> str:
    """Return "1 B-scan" or "3 B-scans": a number and a thing whose plural ends in s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(seconds: float) -> str:
    """Return a duration as a person says it: 40 s, 3 min, 1 h 20 min."""
    if seconds < _MINUTE:
        return f"{max(round(seconds), 1)} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    hours, rest = divmod(round(seconds), _HOUR)
    return f"{hours} h {rest // _MINUTE} min"


def listed(names: Iterable[str], word: str) -> str:
    """Return "a, b or c" for the word "or"."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def printable(text: str) -> str:
    """Return a text without what steers a terminal; only new lines stay.

    Half a character, as of a file's name in another encoding, becomes the sign for an unknown one.
    """
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text if _is_shown(c))


def _is_shown(character: str) -> bool:
    steers = unicodedata.category(character) == "Cc" or character in _TURNING
    return character == "\n" or not steers
