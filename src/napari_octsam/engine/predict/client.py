"""napari's side of the process that predicts: models loaded, B-scans encoded, prompts decoded."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Literal

from psygnal import Signal

from napari_octsam.core.folders import cache_folder as default_cache_folder
from napari_octsam.engine.client import Client
from napari_octsam.engine.predict.messages import (
    Answer,
    Download,
    LoadModel,
    Progress,
    Request,
    Stage,
    on_same_bscan,
)
from napari_octsam.engine.process import EngineProcess
from napari_octsam.engine.state import Pending, Role, State

__all__ = ["EngineClient", "EngineState"]

EngineState = Literal[
    "stopped",
    "starting",
    "idle",
    "loading",
    "checking",
    "encoding",
    "decoding",
    "labelling",
    "downloading",
]

_BUSY: tuple[EngineState, ...] = (
    "loading",
    "checking",
    "encoding",
    "decoding",
    "labelling",
    "downloading",
)


class EngineClient:
    """The engine: a process that loads models, encodes B-scans, decodes prompts and labels.

    The process starts with the first request. When it dies, what it was doing fails with
    `EngineDied`, and the next request starts a new one, which first loads the model that was
    loaded last. No method but `shutdown` waits for it. Signals, futures' callbacks and
    `on_progress` are called on threads of the client, and must not wait for it either.

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
        folder = cache_folder or default_cache_folder()
        self._client: Client[Request, Progress, Answer] = Client(
            "engine",
            partial(_launch, folder, cache_bytes),
            _doing,
            "Nothing in napari is lost: try again.",
            self._hear_change,
            on_same_bscan,
        )
        self._client.warned.connect(self.warned.emit)
        self._client.died.connect(self.died.emit)
        atexit.register(self.shutdown)

    @property
    def pid(self) -> int | None:
        """Number of the engine's process, or None where none runs."""
        return self._client.pid

    @property
    def state(self) -> EngineState:
        """What the engine does now."""
        return _word(self._client.state)

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
            One of the requests of `engine.predict.messages`, which name their answers.
        on_progress
            Told what the engine does for this request.
        background
            The request waits for all others, and stops for them where it has begun.

        Returns
        -------
        The answer's future. `cancel()` succeeds until the answer is there, and stops the engine
        at the next encoder block. It fails with `UserError`, `EngineDied` or `EngineFault`.
        """
        return self._client.submit(
            request, on_event=on_progress, background=background, role=_role(request)
        )

    def shutdown(self, timeout: float = 2.0) -> None:
        """End the engine for good: cancel what is pending, and kill it after `timeout` seconds."""
        atexit.unregister(self.shutdown)
        self._client.leave()
        for pending in self._client.state.pending.values():
            pending.future.cancel()
        self._client.end(timeout)

    def _hear_change(
        self, before: State[Request, Progress], after: State[Request, Progress]
    ) -> None:
        word = _word(after)
        if word != _word(before):
            self.state_changed.emit(word)


def _launch(folder: Path, cache_bytes: int) -> EngineProcess:
    return EngineProcess(
        "napari_octsam.engine.predict.worker", [str(folder), str(cache_bytes)], folder
    )


def _role(request: Request) -> Role:
    """Return what a request has to do with the model in use, which a new process loads again."""
    match request:
        case LoadModel():
            return "sets up"
        case Download():
            return "stands alone"
        case _:
            return "relies on it"


def _word(state: State[Request, Progress]) -> EngineState:
    if state.phase != "ready":
        return state.phase
    stages = {_stage(pending) for pending in state.pending.values()}
    return next((stage for stage in _BUSY if stage in stages), "idle")


def _stage(pending: Pending[Request, Progress]) -> Stage:
    return "waiting" if pending.event is None else pending.event.stage


def _doing(state: State[Request, Progress], pending: Pending[Request, Progress] | None) -> str:
    """Return when the engine died, as the sentence on that ends."""
    if pending is None or state.phase != "ready":
        return f"while {_word(state)}"
    return f"while {_stage(pending)}"
