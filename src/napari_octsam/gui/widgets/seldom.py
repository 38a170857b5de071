"""What need not be shown each time that it changes."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject
from superqt.utils import QSignalThrottler

__all__ = ["seldom"]

_EVERY = 400  # milliseconds: whatever is drawn of a window has its canvas drawn too


def seldom(show: Callable[[], object], owner: QObject | None = None) -> Callable[[], None]:
    """Return a function that has something shown at once, and then two or three times a second.

    Parameters
    ----------
    show
        Called in Qt's thread; what changed last is always shown.
    owner
        With which it ends; by default with the last reference to the function.
    """
    throttler = QSignalThrottler(parent=owner)
    throttler.setTimeout(_EVERY)
    throttler.triggered.connect(show)
    throttle: Callable[[], None] = throttler.throttle
    return throttle
