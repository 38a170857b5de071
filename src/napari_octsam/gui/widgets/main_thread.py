"""From the engine's threads back to Qt's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

__all__ = ["MainThread"]


class MainThread(QObject):
    """Runs functions in the thread that it was made in, which must have an event loop.

    Nothing runs any more after `close`, so that a late answer never meets a deleted widget.
    """

    _called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._open = True
        queued = Qt.ConnectionType.QueuedConnection
        self._called.connect(self._run, queued)  # type: ignore[call-arg]  # PyQt6's stubs lack it

    def call(self, function: Callable[[], object]) -> None:
        """Run `function()` in the main thread, later; callable from any thread, and this one."""
        if self._open:
            self._called.emit(function)

    def when_done(self, future: Future[Any], then: Callable[[Future[Any]], object]) -> None:
        """Run `then(future)` in the main thread once the future is done or cancelled."""
        future.add_done_callback(lambda done: self.call(lambda: then(done)))

    def close(self) -> None:
        """Drop what is still to be run, and all that comes later."""
        self._open = False

    def _run(self, function: Callable[[], object]) -> None:
        if self._open:
            function()
