"""Trainings of the window that do what a test says, in place of processes."""

from __future__ import annotations

from typing import Literal

from psygnal import Signal

from napari_octsam.engine.train.messages import (
    Begun,
    Died,
    Ended,
    Happened,
    PausedNow,
    Preparing,
    Refused,
    StartTraining,
    TrainerMessage,
)
from napari_octsam.training.events import Event


class SteeredJob:
    """A training that does what the test says."""

    heard = Signal(object)

    def __init__(self, start: StartTraining) -> None:
        self.begin = start
        self.wishes: list[str] = []
        self.left = False

    def start(self) -> None:
        self.wishes.append("start")

    def steer(self, wish: Literal["pause", "go on", "stop"]) -> None:
        self.wishes.append(wish)

    def kill(self) -> None:
        self.wishes.append("kill")

    def leave(self) -> None:
        self.left = True


class Jobs:
    """Makes jobs, and speaks for the last."""

    def __init__(self) -> None:
        self.made: list[SteeredJob] = []

    def __call__(self, start: StartTraining) -> SteeredJob:
        self.made.append(SteeredJob(start))
        return self.made[-1]

    @property
    def last(self) -> SteeredJob:
        return self.made[-1]

    def tell(self, *messages: TrainerMessage | Event) -> None:
        for message in messages:
            is_message = isinstance(
                message, Preparing | Begun | Happened | PausedNow | Ended | Refused | Died
            )
            self.last.heard.emit(message if is_message else Happened(message))  # type: ignore[arg-type]
