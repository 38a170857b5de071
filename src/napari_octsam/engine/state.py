"""All that a client knows, as one frozen value."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, Self

from napari_octsam.engine.process import EngineProcess
from napari_octsam.engine.wire import Call, Cancel, EventT, RequestT, Steer

__all__ = ["Change", "Outbox", "Pending", "Role", "State"]

Role = Literal["sets up", "relies on it", "stands alone"]
"""Whether a request sets a process up for others, is one of those, or neither."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending(Generic[RequestT, EventT]):
    """A request without its final word.

    Parameters
    ----------
    call
        What is sent of it.
    role
        Of the request.
    on_event
        Told what happens while the process works on it.
    future
        Of the answer; cancelled where nobody waits for that any more.
    event
        What has happened last.
    """

    call: Call[RequestT]
    role: Role = "stands alone"
    on_event: Callable[[EventT], object] | None = None
    future: Future[Any] = field(default_factory=Future)
    event: EventT | None = None


Outbox = queue.SimpleQueue[Pending[Any, Any] | Cancel | Steer[Any] | None]
"""What is to be sent to a process; None is the last."""


class State(NamedTuple, Generic[RequestT, EventT]):  # a dataclass takes longer to replace
    """What a client knows at one moment.

    Parameters
    ----------
    phase
        Of the process.
    thread
        Hears the process; where none runs, that of the last one.
    outbox
        To the process, from the request that starts it to its end.
    process
        Where one runs.
    pending
        Requests without a final word by the numbers of their calls, all of them this process's.
    setup
        The last request that set up a process, this one or an earlier one.
    is_set_up
        Whether this process has answered such a request.
    closed
        Whether no request is taken any more.
    ended_for_cancel
        Whether the process is being ended because it has not stopped what was cancelled.
    """

    phase: Literal["stopped", "starting", "ready"] = "stopped"
    thread: threading.Thread | None = None
    outbox: Outbox | None = None
    process: EngineProcess | None = None
    pending: Mapping[int, Pending[RequestT, EventT]] = MappingProxyType({})
    setup: RequestT | None = None
    is_set_up: bool = False
    closed: bool = False
    ended_for_cancel: bool = False

    def lacks(self, role: Role) -> RequestT | None:
        """Return what the process must be asked before a request of this role, if anything."""
        if role != "relies on it" or self.is_set_up:
            return None
        others = self.pending.values()
        if any(each.role == "sets up" and not each.future.cancelled() for each in others):
            return None
        return self.setup

    def with_pending(self, pending: Pending[RequestT, EventT]) -> Self:
        """Return the state with a new request, or with what has happened to one."""
        return self._replace(pending={**self.pending, pending.call.id: pending})

    def without(self, id_: int) -> Self:
        """Return the state after a request's final word."""
        return self._replace(pending={key: p for key, p in self.pending.items() if key != id_})

    def answered(self, id_: int) -> Self:
        """Return the state after a request's answer."""
        pending = self.pending[id_]
        state = self.without(id_)
        if pending.role != "sets up":
            return state
        return state._replace(setup=pending.call.request, is_set_up=True)

    def ended(self) -> Self:
        """Return the state after the process, which takes with it what it knew."""
        return type(self)(thread=self.thread, setup=self.setup, closed=self.closed)


Change = Callable[[State[RequestT, EventT]], State[RequestT, EventT]]
"""What becomes of a state."""
