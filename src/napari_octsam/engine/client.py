"""napari's side of a process that answers requests: requests in, futures out. Never imports torch.

All that can change is one frozen `State`, read and replaced only while the client's lock is held.
Listeners and futures are called only while it is not, so that they may call the client again;
they must not wait for it.

Each process has two threads here. The first starts it, hears it until its pipe breaks and tells
what it hears; the second sends, for a full pipe blocks. The first thread of the next process waits
for that of the one before, so that all is told in order. Whoever calls the client only changes the
state and puts a message into the outbox.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Generic

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.engine.errors import EngineDied, EngineFault
from napari_octsam.engine.process import EngineProcess
from napari_octsam.engine.state import Change, Outbox, Pending, Role, State
from napari_octsam.engine.wire import (
    Answered,
    AnswerT,
    Call,
    Cancel,
    EventT,
    Failed,
    Progressed,
    Ready,
    RequestT,
    Steer,
    Stopped,
    Warned,
    Word,
)

__all__ = ["Client"]

_CANCEL_SECONDS = 2.5  # for a process to stop what nobody waits for, before it is ended
_LAST_WORDS = 1.0  # seconds for a process whose pipe broke to end with its own exit code
_log = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    """Do nothing."""


class Client(Generic[RequestT, EventT, AnswerT]):
    """A process that starts with the first request, and anew with the first one after its end.

    What it owes when it dies fails with `EngineDied`. A process may also serve one request and
    end: with exit code 0 and no answer owed, it has not died.

    Parameters
    ----------
    name
        Of the process, as in "The engine cannot start".
    launch
        Starts the process; raises `UserError` where the person can mend that it does not start.
    doing
        Says when it died, as in "while encoding": as a whole, or with one request.
    advice
        What to do when it has died.
    on_change
        Called with the state before and after what the process has done.
    helps
        Whether a request makes what another one needs: then it is worked on, though cancelled.
    """

    warned = Signal(str)
    """A sentence to show that is no failure of a request."""
    died = Signal(str)
    """Why the process ended without being asked, or could not start; once for each time."""

    def __init__(
        self,
        name: str,
        launch: Callable[[], EngineProcess],
        doing: Callable[[State[RequestT, EventT], Pending[RequestT, EventT] | None], str],
        advice: str,
        on_change: Callable[[State[RequestT, EventT], State[RequestT, EventT]], object] = _ignore,
        helps: Callable[[RequestT, RequestT], bool] = lambda *_: False,
    ) -> None:
        self._name = name
        self._launch = launch
        self._doing = doing
        self._advice = advice
        self._on_change = on_change
        self._helps = helps
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._state: State[RequestT, EventT] = State()

    @property
    def state(self) -> State[RequestT, EventT]:
        """What the client knows now."""
        with self._lock:
            return self._state

    @property
    def pid(self) -> int | None:
        """Number of the process, or None where none runs."""
        process = self.state.process
        return None if process is None else process.pid

    def submit(
        self,
        request: RequestT,
        *,
        on_event: Callable[[EventT], object] | None = None,
        background: bool = False,
        role: Role = "stands alone",
    ) -> Future[AnswerT]:
        """Ask for something and return at once.

        Parameters
        ----------
        request
            What is sent.
        on_event
            Told what happens while the process works on it.
        background
            The request yields to all others.
        role
            Before a request that relies on it, a new process is asked again what set up the one
            before it. Where that fails, so does the request.

        Returns
        -------
        The answer's future. `cancel()` succeeds until the answer is there. It fails with
        `UserError`, `EngineDied` or `EngineFault`.
        """
        pending = self._new_pending(request, on_event, background, role)
        with self._lock:
            is_closed = self._state.closed
            if not is_closed:
                self._post_all(pending)
        if is_closed:
            _fail(pending.future, EngineDied(f"The {self._name} has been shut down."))
        return pending.future

    def steer(self, future: Future[AnswerT], wish: object) -> None:
        """Say how a request is to go on; one that has its final word does not."""
        with self._lock:
            for pending in self._state.pending.values():
                if pending.future is future:
                    self._post(Steer(pending.call.id, wish))

    def leave(self) -> None:
        """Take no more requests; the process ends by itself when it sees that none can come."""
        with self._lock:
            self._state = self._state._replace(closed=True)
            self._post(None)

    def end(self, timeout: float = 0.0) -> None:
        """Take no more requests, and kill the process where it still runs after some seconds."""
        self.leave()
        process = self.state.process
        if process is not None:
            process.end(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the process has ended and all is told; return whether that is so."""
        thread = self.state.thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _new_pending(
        self,
        request: RequestT,
        on_event: Callable[[EventT], object] | None,
        background: bool,
        role: Role,
    ) -> Pending[RequestT, EventT]:
        call = Call(next(self._ids), request, background)
        pending: Pending[RequestT, EventT] = Pending(call, role, on_event)
        pending.future.add_done_callback(partial(self._withdraw, call.id))
        return pending

    def _withdraw(self, id_: int, future: Future[AnswerT]) -> None:
        if not future.cancelled():
            return
        future.set_running_or_notify_cancel()  # else wait() would wait for ever
        with self._lock:
            if id_ in self._state.pending:
                self._post(Cancel(id_))
                self._watch(id_)

    def _watch(self, id_: int) -> None:
        """End the process where a call that nobody waits for has not stopped in time."""
        timer = threading.Timer(_CANCEL_SECONDS, self._end_if_stuck, [id_])
        timer.daemon = True
        timer.start()

    def _end_if_stuck(self, id_: int) -> None:
        with self._lock:
            state, stuck = self._state, self._state.pending.get(id_)
            if stuck is None or state.closed or state.process is None:
                return
            wanted = any(
                self._helps(stuck.call.request, other.call.request)
                for other in state.pending.values()
                if not other.future.cancelled()
            )
            if wanted or state.phase != "ready":
                self._watch(id_)
                return
            self._state = state._replace(ended_for_cancel=True)
        state.process.end()

    # The lock is held for these.

    def _post_all(self, pending: Pending[RequestT, EventT]) -> None:
        """Post a request, after what the process lacks for it; start the process where needed."""
        if self._state.outbox is None:
            self._await_process()
        setup = self._state.lacks(pending.role)
        if setup is not None:
            first = self._new_pending(setup, pending.on_event, False, "sets up")
            first.future.add_done_callback(partial(_pass_on_failure, pending.future))
            self._post_call(first)
        self._post_call(pending)

    def _await_process(self) -> None:
        outbox: Outbox = queue.SimpleQueue()
        thread = threading.Thread(
            target=self._live,
            args=(self._state.thread, outbox),
            name=f"octsam-{self._name}-hears",
            daemon=True,
        )
        self._state = self._state._replace(thread=thread, outbox=outbox)
        thread.start()

    def _post_call(self, pending: Pending[RequestT, EventT]) -> None:
        self._state = self._state.with_pending(pending)
        self._post(pending)

    def _post(self, message: Pending[RequestT, EventT] | Cancel | Steer[object] | None) -> None:
        if self._state.outbox is not None:
            self._state.outbox.put(message)

    # The first thread of a process.

    def _live(self, predecessor: threading.Thread | None, outbox: Outbox) -> None:
        """See a process from its start to its end."""
        if predecessor is not None:
            predecessor.join()
        self._change(lambda state: state._replace(phase="starting"))
        try:
            process = self._launch()
        except Exception as error:
            self._give_up(error)
            return
        _, state = self._swap(lambda state: state._replace(process=process))
        if state.closed:
            process.end()  # nobody wants it any more
        threading.Thread(
            target=self._send,
            args=(process, outbox),
            name=f"octsam-{self._name}-sends",
            daemon=True,
        ).start()
        try:
            self._hear(process)
        finally:
            process.end()
            outbox.put(None)
            self._bury(process)

    def _hear(self, process: EngineProcess) -> None:
        try:
            while True:
                self._take(process, process.channel.receive())
        except EOFError:
            process.end(_LAST_WORDS)

    def _take(self, process: EngineProcess, word: Word[EventT, AnswerT]) -> None:
        match word:
            case Ready():
                self._change(lambda state: state._replace(phase="ready"))
            case Warned(sentence):
                _quietly(self.warned.emit, sentence)
            case Progressed(id_, event):
                self._progress(id_, event)
            case Answered(id_, answer):
                before, _ = self._change(lambda state: state.answered(id_))
                with suppress(InvalidStateError):  # cancelled meanwhile
                    before.pending[id_].future.set_result(answer)
            case Failed(id_, sentence, fault):
                log = f" Its log says more: {process.log}"
                error = EngineFault(sentence + log) if fault else UserError(sentence)
                before, _ = self._change(lambda state: state.without(id_))
                _fail(before.pending[id_].future, error)
            case Stopped(id_):
                self._change(lambda state: state.without(id_))

    def _progress(self, id_: int, event: EventT) -> None:
        _, state = self._change(
            lambda state: state.with_pending(replace(state.pending[id_], event=event))
        )
        pending = state.pending[id_]
        if pending.on_event is not None and not pending.future.done():
            _quietly(pending.on_event, event)

    def _give_up(self, error: Exception) -> None:
        """Fail what was asked of a process that cannot be started."""
        before, after = self._swap(State.ended)
        if not isinstance(error, UserError):
            error = EngineDied(f"The {self._name} cannot start: {error}")
            _quietly(self.died.emit, str(error))
        _quietly(self._on_change, before, after)
        for pending in before.pending.values():
            _fail(pending.future, error)

    def _bury(self, process: EngineProcess) -> None:
        """Fail what a process owes that has ended."""
        process.channel.close()
        before, after = self._swap(State.ended)
        if before.ended_for_cancel:
            _quietly(self._on_change, before, after)
            self._ask_again(before)
            return
        in_peace = not before.pending and process.exit_code == 0
        if not (before.closed or in_peace):
            _quietly(self.died.emit, self._fate(process, before))
        _quietly(self._on_change, before, after)
        for pending in before.pending.values():
            _fail(pending.future, EngineDied(self._fate(process, before, pending)))

    def _ask_again(self, before: State[RequestT, EventT]) -> None:
        """Ask a new process what the one before had not come to when a cancel ended it."""
        waiting = [each for each in before.pending.values() if not each.future.cancelled()]
        with self._lock:
            is_closed = self._state.closed
            for pending in () if is_closed else waiting:
                self._post_all(replace(pending, event=None))
        for pending in waiting if is_closed else ():
            _fail(pending.future, EngineDied(f"The {self._name} has been shut down."))

    def _fate(
        self,
        process: EngineProcess,
        state: State[RequestT, EventT],
        pending: Pending[RequestT, EventT] | None = None,
    ) -> str:
        """Return how the process ended and when, as sentences for the person."""
        when = self._doing(state, pending)
        return f"The {self._name} {process.fate()} {when}. {self._advice} Its log is {process.log}"

    def _change(
        self, change: Change[RequestT, EventT]
    ) -> tuple[State[RequestT, EventT], State[RequestT, EventT]]:
        """Change the state and tell so; return it before and after."""
        before, after = self._swap(change)
        _quietly(self._on_change, before, after)
        return before, after

    def _swap(
        self, change: Change[RequestT, EventT]
    ) -> tuple[State[RequestT, EventT], State[RequestT, EventT]]:
        with self._lock:
            before = self._state
            self._state = change(before)
            return before, self._state

    # The second thread of a process.

    def _send(self, process: EngineProcess, outbox: Outbox) -> None:
        try:
            while (message := outbox.get()) is not None:
                if isinstance(message, Pending):
                    self._send_call(process, message)
                else:
                    process.channel.send(message)
        except OSError:
            process.end(_LAST_WORDS)  # the first thread sees it, and tells
        finally:
            process.channel.hang_up()

    def _send_call(self, process: EngineProcess, pending: Pending[RequestT, EventT]) -> None:
        if pending.future.cancelled():
            self._swap(lambda state: state.without(pending.call.id))
            return
        try:
            process.channel.send(pending.call)
        except OSError:
            raise
        except Exception as error:  # what cannot be pickled says so in many ways
            self._swap(lambda state: state.without(pending.call.id))
            _fail(pending.future, error)


def _fail(future: Future[AnswerT], error: BaseException) -> None:
    with suppress(InvalidStateError):  # cancelled meanwhile
        future.set_exception(error)


def _pass_on_failure(waiting: Future[AnswerT], setup: Future[AnswerT]) -> None:
    error = None if setup.cancelled() else setup.exception()
    if error is not None:
        _fail(waiting, error)


def _quietly(function: Callable[..., object], *arguments: object) -> None:
    """Call what others wrote; its errors must not end the client's threads."""
    try:
        function(*arguments)
    except Exception:
        _log.exception("a listener of the engine failed")
