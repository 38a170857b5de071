"""Ctrl+C: it ends a command in a word, and a long run where its state can be saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["asked_to_stop", "interruptible"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # a cluster's queue and torchrun send the second, too


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl+C raise KeyboardInterrupt inside, unless whoever began us ignores it."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def asked_to_stop(say: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Give a function that says whether Ctrl+C was pressed; a second press ends at once.

    SIGTERM counts as a press. Only in the main thread.

    Parameters
    ----------
    say
        Called at the first press.
    """
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        put_back()
        with suppress(RuntimeError):  # it was pressed while a line was being written
            say()

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield lambda: asked
    finally:
        put_back()
