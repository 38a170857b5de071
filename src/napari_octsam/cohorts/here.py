"""The process itself that asks, for a few tasks: others would take longer to begin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

__all__ = ["Here"]


class Here:
    """Does each task at once."""

    at_once = 1

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Do a task."""
        future: Future[Any] = Future()
        try:
            future.set_result(work())
        except Exception as error:  # of a task, whatever it is, and of no other
            future.set_exception(error)
        return future

    def renew(self) -> None:
        """Do nothing: there is no process that could have died."""
