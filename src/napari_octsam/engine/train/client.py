"""napari's side of a training: started, steered, heard. Never imports torch."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from psygnal import Signal

from napari_octsam.core.folders import cache_folder
from napari_octsam.engine.client import Client
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.process import EngineProcess
from napari_octsam.engine.train.messages import (
    Begun,
    Died,
    Ended,
    Refused,
    StartTraining,
    TrainerEvent,
    TrainerMessage,
    Wish,
)

__all__ = ["TrainingJob"]


class TrainingJob:
    """One training, in a process of its own, which gives way to whatever else computes.

    No method but `wait` waits for it. The last message is `Ended`, `Refused` or `Died`, and none
    is missing.

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
        self._client: Client[StartTraining, TrainerEvent, Ended | Refused] = Client(
            "training",
            partial(_launch, log_folder or cache_folder()),
            lambda *_: "before its end",
            "Press Continue to go on from its last saved state.",
        )
        self._training: Future[Ended | Refused] | None = None
        self._has_begun = threading.Event()

    @property
    def pid(self) -> int | None:
        """Number of the process, while there is one."""
        return self._client.pid

    def start(self) -> None:
        """Begin; only once."""
        self._training = self._client.submit(self._first, on_event=self._hear)
        self._training.add_done_callback(self._conclude)

    def steer(self, wish: Wish) -> None:
        """Say what to do from now on; only after `start`."""
        assert self._training is not None
        self._client.steer(self._training, wish)

    def kill(self) -> None:
        """End the process at once; the run can go on from its last saved state."""
        self._client.end()

    def leave(self) -> None:
        """Let the process save its state after its step and end by itself."""
        self._client.leave()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job has ended; return whether it has."""
        return self._client.wait(timeout)

    def _hear(self, event: TrainerEvent) -> None:
        if isinstance(event, Begun):
            self._has_begun.set()
        self.heard.emit(event)

    def _conclude(self, training: Future[Ended | Refused]) -> None:
        self.heard.emit(self._last_message(training))

    def _last_message(self, training: Future[Ended | Refused]) -> TrainerMessage:
        error = training.exception()
        if error is None:
            return training.result()
        if not isinstance(error, EngineDied):
            return Refused(str(error))
        if not self._client.state.closed:
            return Died(str(error))
        if not self._has_begun.is_set():
            return Ended(complete=False, best="")
        return Died("The training was ended at once: it goes on from its last saved state.")


def _launch(log_folder: Path) -> EngineProcess:
    return EngineProcess(
        "napari_octsam.engine.train.trainer", [], log_folder, "training.log", yields=True
    )
