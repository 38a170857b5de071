"""napari's side of the engine: requests in, futures out. Never imports torch."""

from __future__ import annotations

import atexit
import itertools
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import cache_folder as default_cache_folder
from napari_octsam.engine.errors import EngineDied, EngineFault
from napari_octsam.engine.predict.messages import (
    Answer,
    Download,
    LoadModel,
    Progress,
    Request,
    Stage,
)
from napari_octsam.engine.process import EngineProcess
from napari_octsam.engine.wire import (
    Answered,
    Call,
    Cancel,
    Failed,
    Progressed,
    Ready,
    Stopped,
    Warned,
)

__all__ = ["EngineClient", "EngineDied", "EngineFault", "EngineState"]

EngineState = Literal[
    "stopped", "starting", "idle", "loading", "checking", "encoding", "decoding", "downloading"
]

_BUSY: tuple[EngineState, ...] = ("loading", "checking", "encoding", "decoding", "downloading")
_LAST_WORDS = 1.0  # seconds for a process whose pipe broke to end with its own exit code
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Run:
    """One life of the engine's process."""

    process: EngineProcess
    receiver: threading.Thread | None = None
    ready: bool = False
    has_model: bool = False
    load_sent: bool = False


@dataclass(eq=False, slots=True)
class _Pending:
    """A request that has no final word yet."""

    call: Call
    on_progress: Callable[[Progress], object] | None
    future: Future[Any] = field(default_factory=Future)
    run: _Run | None = None
    stage: Stage = "waiting"


class EngineClient:
    """The engine: a process that loads models, encodes B-scans and decodes prompts.

    The process starts with the first request. When it dies, what it was doing fails with
    `EngineDied`, and the next request starts a new one, which first loads the model that was
    loaded last. No method but `shutdown` waits for it. Signals, futures' callbacks and
    `on_progress` are called on threads of the client.

    Parameters
    ----------
    cache_folder
        For embeddings and the engine's log; by default `core.folders.cache_folder()`.
    cache_bytes
        Most bytes of embeddings on the disk.
    """

    state_changed = Signal(str)
    """An `EngineState`: what the engine does now."""
    warned = Signal(str)
    """A sentence to show that is no failure of a request."""
    died = Signal(str)
    """Why the process ended without being asked, or could not start; once for each time."""

    def __init__(self, cache_folder: Path | None = None, cache_bytes: int = 2 << 30) -> None:
        self._folder = cache_folder or default_cache_folder()
        self._cache_bytes = cache_bytes
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._pending: dict[int, _Pending] = {}
        self._outbox: queue.SimpleQueue[_Pending | Cancel | None] = queue.SimpleQueue()
        self._run: _Run | None = None
        self._last_load: LoadModel | None = None
        self._state: EngineState = "stopped"
        self._closed = False
        self._sender: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Number of the engine's process, or None where none runs."""
        run = self._run
        return None if run is None else run.process.pid

    @property
    def state(self) -> EngineState:
        """What the engine does now."""
        return self._state

    def submit(
        self,
        request: Request,
        *,
        on_progress: Callable[[Progress], object] | None = None,
        background: bool = False,
    ) -> Future[Any]:
        """Ask the engine for something and return at once.

        Parameters
        ----------
        request
            One of the requests of `engine.messages`, which name their answers.
        on_progress
            Told what the engine does for this request.
        background
            The request waits for all others, and stops for them where it has begun.

        Returns
        -------
        The answer's future. `cancel()` succeeds until the answer is there, and stops the engine
        at the next encoder block. It fails with `UserError`, `EngineDied` or `EngineFault`.
        """
        pending = _Pending(Call(next(self._ids), request, background), on_progress)
        with self._lock:
            if self._closed:
                pending.future.set_exception(EngineDied("The engine has been shut down."))
                return pending.future
            self._pending[pending.call.id] = pending
            self._start_sender()
        pending.future.add_done_callback(lambda _: self._withdraw(pending))
        self._outbox.put(pending)
        return pending.future

    def shutdown(self, timeout: float = 2.0) -> None:
        """End the engine for good: cancel what is pending, and kill it after `timeout` seconds."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            abandoned = list(self._pending.values())
        atexit.unregister(self.shutdown)
        for pending in abandoned:
            pending.future.cancel()
        self._outbox.put(None)
        if run := self._run:
            run.process.end(timeout)

    def _start_sender(self) -> None:
        if self._sender is None:
            atexit.register(self.shutdown)
            self._sender = threading.Thread(target=self._send, name="octsam-sender", daemon=True)
            self._sender.start()

    def _withdraw(self, pending: _Pending) -> None:
        if pending.future.cancelled():
            pending.future.set_running_or_notify_cancel()  # else wait() would wait for ever
            self._outbox.put(Cancel(pending.call.id))

    # The sender's thread: starting a process and filling a pipe take time.

    def _send(self) -> None:
        while (item := self._outbox.get()) is not None:
            if isinstance(item, Cancel):
                self._send_cancel(item)
            elif not item.future.cancelled():
                self._send_call(item)
        if run := self._run:
            run.process.channel.hang_up()

    def _send_cancel(self, cancel: Cancel) -> None:
        pending = self._pending.get(cancel.id)
        if pending is None:
            return
        if pending.run is None:
            self._forget(pending)
        else:
            self._transmit(pending.run, cancel)

    def _send_call(self, pending: _Pending) -> None:
        try:
            run = self._run or self._start()
        except OSError as error:
            sentence = f"The engine cannot start: {error}"
            _quietly(self.died.emit, sentence)
            self._fail(pending, EngineDied(sentence))
            return
        except UserError as error:
            self._fail(pending, error)
            return
        pending.run = run
        if not isinstance(pending.call.request, Download) and not run.load_sent:
            run.load_sent = True
            if self._last_load and not isinstance(pending.call.request, LoadModel):
                self._reload(run, self._last_load, pending)
        try:
            self._transmit(run, pending.call)
        except Exception as error:  # what cannot be pickled says so in many ways
            self._fail(pending, error)

    def _start(self) -> _Run:
        self._change_state("starting")
        arguments = [str(self._folder), str(self._cache_bytes)]
        run = _Run(EngineProcess("napari_octsam.engine.predict.worker", arguments, self._folder))
        run.receiver = threading.Thread(
            target=self._receive, args=(run,), name="octsam-receiver", daemon=True
        )
        self._run = run
        run.receiver.start()
        return run

    def _reload(self, run: _Run, request: LoadModel, waiting: _Pending) -> None:
        """Load the last model again; where that fails, so does the request that waits for it."""
        pending = _Pending(Call(next(self._ids), request), waiting.on_progress, run=run)

        def pass_on(loading: Future[Any]) -> None:
            if error := loading.exception():
                _set_error(waiting.future, error)

        pending.future.add_done_callback(pass_on)
        with self._lock:
            self._pending[pending.call.id] = pending
        self._transmit(run, pending.call)

    def _transmit(self, run: _Run, message: Call | Cancel) -> None:
        try:
            run.process.channel.send(message)
        except OSError:
            run.process.end(_LAST_WORDS)
            if run.receiver:
                run.receiver.join()
            self._bury(run)

    # The receiver's thread: one for each life of the process.

    def _receive(self, run: _Run) -> None:
        try:
            while True:
                self._take(run, run.process.channel.receive())
        except EOFError:
            run.process.end(_LAST_WORDS)
        finally:
            run.process.end()
            self._bury(run)

    def _take(self, run: _Run, message: object) -> None:
        match message:
            case Ready():
                run.ready = True
                self._set_state()
            case Warned(sentence):
                _quietly(self.warned.emit, sentence)
            case Progressed(id_, progress):
                self._progress(self._pending[id_], progress)
            case Answered(id_, answer):
                self._answer(run, self._forget(self._pending[id_]), answer)
            case Failed(id_, sentence, fault):
                self._refuse(run, self._forget(self._pending[id_]), sentence, fault)
            case Stopped(id_):
                self._note_load(run, self._forget(self._pending[id_]), loaded=False)

    def _progress(self, pending: _Pending, progress: Progress) -> None:
        pending.stage = progress.stage
        self._set_state()
        if pending.on_progress and not pending.future.done():
            _quietly(pending.on_progress, progress)

    def _answer(self, run: _Run, pending: _Pending, answer: Answer) -> None:
        self._note_load(run, pending, loaded=True)
        with suppress(InvalidStateError):  # cancelled meanwhile
            pending.future.set_result(answer)

    def _refuse(self, run: _Run, pending: _Pending, sentence: str, fault: bool) -> None:
        self._note_load(run, pending, loaded=False)
        if fault:
            log = f"Its log says more: {run.process.log}"
            self._fail(pending, EngineFault(f"{sentence} {log}"))
        else:
            self._fail(pending, UserError(sentence))

    def _note_load(self, run: _Run, pending: _Pending, loaded: bool) -> None:
        if isinstance(pending.call.request, LoadModel):
            run.has_model |= loaded
            run.load_sent = run.has_model
            if loaded:
                self._last_load = pending.call.request

    def _bury(self, run: _Run) -> None:
        """Fail what a dead process leaves; called by both threads where it dies under a send."""
        run.process.channel.close()
        with self._lock:
            first = self._run is run
            if first:
                self._run = None
            left = [p for p in self._pending.values() if p.run is run]
        if first and not self._closed:
            _quietly(self.died.emit, _fate(run, self._state))
        self._set_state()
        for pending in left:
            self._fail(pending, EngineDied(_fate(run, pending.stage)))

    def _fail(self, pending: _Pending, error: BaseException) -> None:
        self._forget(pending)
        _set_error(pending.future, error)

    def _forget(self, pending: _Pending) -> _Pending:
        with self._lock:
            self._pending.pop(pending.call.id, None)
        self._set_state()
        return pending

    def _set_state(self) -> None:
        run = self._run
        if run is None:
            self._change_state("stopped")
        elif not run.ready:
            self._change_state("starting")
        else:
            stages = {pending.stage for pending in list(self._pending.values())}
            self._change_state(next((stage for stage in _BUSY if stage in stages), "idle"))

    def _change_state(self, state: EngineState) -> None:
        if state != self._state:
            self._state = state
            _quietly(self.state_changed.emit, state)


def _fate(run: _Run, doing: str) -> str:
    """Return how the process ended, and while doing what, as a sentence for the person."""
    return (
        f"The engine {run.process.fate()} while {doing if run.ready else 'starting'}. Nothing in "
        f"napari is lost: try again. Its log is {run.process.log}"
    )


def _set_error(future: Future[Any], error: BaseException) -> None:
    with suppress(InvalidStateError):  # cancelled meanwhile
        future.set_exception(error)


def _quietly(function: Callable[..., object], argument: object) -> None:
    """Call what others wrote; its errors must not end the client's threads."""
    try:
        function(argument)
    except Exception:
        _log.exception("a listener of the engine failed")
