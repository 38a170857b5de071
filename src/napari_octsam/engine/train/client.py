"""napari's side of a training: started, steered, heard. Never imports torch."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import cache_folder
from napari_octsam.engine.process import EngineProcess
from napari_octsam.engine.train.messages import (
    Begun,
    Died,
    Ended,
    Refused,
    StartTraining,
    Steer,
    TrainerMessage,
)

__all__ = ["TrainingJob"]

_STOPPED_EARLY = Ended(complete=False, best="")
_LAST_WORDS = 1.0  # seconds for a process whose pipe broke to end with its own exit code
_log = logging.getLogger(__name__)


class TrainingJob:
    """One training, in a process of its own, which gives way to whatever else computes.

    No method waits for it. The last message is `Ended`, `Refused` or `Died`, and none is missing.

    Parameters
    ----------
    start
        What to train, or which run to go on with.
    log_folder
        For `training.log`; by default `core.folders.cache_folder()`.
    """

    heard = Signal(object)
    """A `TrainerMessage`; emitted on a thread of the job."""

    def __init__(self, start: StartTraining, log_folder: Path | None = None) -> None:
        self._first = start
        self._folder = log_folder or cache_folder()
        self._process: EngineProcess | None = None
        self._lock = threading.Lock()
        self._early: list[Steer] = []
        self._abandoned = False
        self._thread = threading.Thread(target=self._follow, name="octsam-training", daemon=True)

    @property
    def pid(self) -> int | None:
        """Number of the process, once there is one."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin; only once."""
        self._thread.start()

    def steer(self, wish: Literal["pause", "go on", "stop"]) -> None:
        """Say what to do from now on."""
        message = Steer(wish)
        with self._lock:
            if self._process is None:
                self._early.append(message)
            else:
                _send(self._process, message)

    def kill(self) -> None:
        """End the process at once; the run can go on from its last saved state."""
        with self._lock:
            self._abandoned = True
            if self._process is not None:
                self._process.end()

    def leave(self) -> None:
        """Let the process save its state after its step and end by itself; nothing is heard."""
        with self._lock:
            self._abandoned = True
            if self._process is not None:
                self._process.channel.hang_up()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended; return whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _follow(self) -> None:
        """Start the process and pass on what it tells."""
        try:
            process = self._begin()
        except (OSError, UserError) as error:
            self._emit(Died(f"The training cannot start: {error}"))
            return
        if process is None:
            self._emit(_STOPPED_EARLY)
            return
        heard: set[type[TrainerMessage]] = set()
        try:
            while True:
                message = process.channel.receive()
                heard.add(type(message))
                self._emit(_with_log(message, process.log))
        except EOFError:
            process.end(_LAST_WORDS)
        finally:
            process.end()
            process.channel.close()
        if not heard & {Ended, Refused}:
            self._emit(self._fate(process, begun=Begun in heard))

    def _begin(self) -> EngineProcess | None:
        with self._lock:
            if self._abandoned:
                return None
            self._process = EngineProcess(
                "napari_octsam.engine.train.trainer", [], self._folder, "training.log", yields=True
            )
            _send(self._process, self._first)
            for message in self._early:
                _send(self._process, message)
            return self._process

    def _fate(self, process: EngineProcess, *, begun: bool) -> TrainerMessage:
        if self._abandoned and not begun:
            return _STOPPED_EARLY
        if self._abandoned:
            return Died("The training was ended at once: it goes on from its last saved state.")
        return Died(
            f"The training {process.fate()} before its end. Press Continue to go on from its "
            f"last saved state. Its log is {process.log}"
        )

    def _emit(self, message: TrainerMessage) -> None:
        try:
            self.heard.emit(message)
        except Exception:
            _log.exception("a listener of the training failed")


def _with_log(message: TrainerMessage, log: Path) -> TrainerMessage:
    """Say where the log is, where that says more."""
    if isinstance(message, Refused) and message.fault:
        return replace(message, sentence=f"{message.sentence} Its log says more: {log}")
    return message


def _send(process: EngineProcess, message: StartTraining | Steer) -> None:
    with suppress(OSError):  # it has died: the thread that receives will say so
        process.channel.send(message)
