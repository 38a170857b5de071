"""The training of a viewer: what it does now, how it is steered, who hears of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Literal, Protocol

from psygnal import Signal, SignalInstance

from napari_octsam.engine.train.client import TrainingJob
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
    Wish,
)
from napari_octsam.gui.session.step_clock import StepClock
from napari_octsam.gui.session.training_history import TrainingHistory
from napari_octsam.training.events import (
    Encoded,
    EpochDone,
    Event,
    Finished,
    Mixed,
    Planned,
    Samples,
    StepDone,
    Told,
    Validated,
)
from napari_octsam.training.verdict import mixing_note

if TYPE_CHECKING:
    from napari_octsam.gui.widgets.main_thread import MainThread

__all__ = ["Job", "Training", "TrainingState"]

TrainingState = Literal["idle", "preparing", "running", "pausing", "paused", "stopping"]


class Job(Protocol):
    """What is needed of `engine.train.client.TrainingJob`."""

    @property
    def heard(self) -> SignalInstance:
        """Emits each `TrainerMessage`, on any thread."""

    def start(self) -> None:
        """Begin."""

    def steer(self, wish: Wish) -> None:
        """Say what to do from now on."""

    def kill(self) -> None:
        """End at once."""

    def leave(self) -> None:
        """Let it save and end by itself."""


class Training:
    """At most one training at a time; its signals are emitted in the main thread.

    Parameters
    ----------
    main
        Of the session.
    make_job
        Makes the job of a start; a process of its own where not given.
    """

    changed = Signal()
    """`state` or `doing` is another."""
    stepped = Signal(object)
    """A `StepDone`."""
    epoch_done = Signal(object)
    """An `EpochDone`."""
    sampled = Signal(object)
    """The latest `Samples`."""
    told = Signal(str)
    """A sentence for the person."""
    started = Signal()
    """A training is to begin; what was told of an earlier one is forgotten."""
    began = Signal(object)
    """The `Begun` of a run."""
    ended = Signal()
    """The training is over."""

    def __init__(
        self, main: MainThread, make_job: Callable[[StartTraining], Job] = TrainingJob
    ) -> None:
        self._main = main
        self._make_job = make_job
        self._job: Job | None = None
        self.state: TrainingState = "idle"
        self.doing = ""
        """What it does, as words to show."""
        self.progress: tuple[int, int] = (0, 0)
        """Units of it done and in all; 0 in all where that is not known."""
        self.history = TrainingHistory()
        """What the last start has told."""
        self.models: list[Path] = []
        """The best model of each run."""
        self._before = TrainingHistory()
        self._start: StartTraining | None = None
        self._clock = StepClock()

    @property
    def is_on(self) -> bool:
        """Whether a training is in progress, or waits."""
        return self.state != "idle"

    @property
    def can_pause(self) -> bool:
        """Whether it can wait, or goes on from there: while the report is made, it cannot."""
        return self.state in ("running", "pausing", "paused") and not self.history.finished

    @property
    def unfinished(self) -> Path | None:
        """Folder of the last run, where it can be gone on with."""
        if self.is_on or self.history.complete or self.history.begun is None:
            return None
        return Path(self.history.begun.folder)

    @property
    def seconds_left(self) -> float | None:
        """How long it takes still with all validations, once that can be told."""
        history = self.history
        if history.begun is None or (history.epochs and not self._clock.knows_epochs):
            return None  # gone on with: how long its validation takes shows after an epoch
        if not history.begun.epochs:
            return None
        done, total = history.progress
        epochs_done = history.epochs[-1].epoch if history.epochs else 0
        return self._clock.seconds_for(total - done, history.begun.epochs - epochs_done)

    def start(self, start: StartTraining) -> None:
        """Begin a training; there must be none in progress."""
        assert not self.is_on
        self._before, self.history = self.history, TrainingHistory()
        self._start = start
        self._clock = StepClock()
        self.started.emit()
        self._show("preparing", "Starting the training")
        job = self._job = self._make_job(start)
        job.heard.connect(lambda message: self._main.call(lambda: self._hear(job, message)))
        job.start()

    def pause(self) -> None:
        """Wait, as soon as all can be saved."""
        if self._job is not None and self.state == "running" and self.can_pause:
            self._job.steer("pause")
            self._show("pausing", "Pausing and saving", *self.progress)

    def go_on(self) -> None:
        """Go on after a pause."""
        if self._job is not None and self.state in ("pausing", "paused"):
            self._job.steer("go on")
            if self.state == "paused":
                self._clock.start()
            self._show("running", "Going on", *self.progress)

    def stop(self) -> None:
        """End as soon as all can be saved; a second time: at once.

        Before the training begins there is nothing to save, and it ends at once too.
        """
        if self._job is None:
            return
        if self.state == "stopping" or self.history.begun is None:
            self._job.kill()
        else:
            self._job.steer("stop")
        self._show("stopping", "Stopping and saving", *self.progress)

    def close(self) -> None:
        """Let the process save what it has and end by itself; before it begins it has nothing."""
        if self._job is None:
            return
        if self.history.begun is None:
            self._job.kill()
            self._forget_unbegun()
        else:
            self._job.leave()
        self._job = None
        self.state = "idle"

    def _hear(self, job: Job, message: TrainerMessage) -> None:
        if job is not self._job:
            return
        match message:
            case Preparing(what, done, total):
                self._work(what, done, total)
            case Begun():
                self._begin(message)
            case Happened(event):
                self._take(event)
            case PausedNow():
                if self.state == "pausing":
                    self._show("paused", "Paused; all is saved", *self.progress)
            case Ended(complete, best, report):
                self.history.complete = complete
                self.history.report = _path(report)
                self._end(_path(best))
            case Refused(sentence, problems):
                self.history.problem, self.history.problems = sentence, problems
                self._end(self.history.kept)
            case Died(sentence):
                self.history.problem = sentence
                self._end(self.history.kept)

    def _begin(self, begun: Begun) -> None:
        self.history.begin(begun, self._before)
        self._clock.start()
        self.began.emit(begun)
        if self.state == "preparing":
            self._show("running", "Encoding the B-scans")

    def _take(self, event: Event) -> None:
        match event:
            case Encoded(done, total):
                self._clock.start()
                self._work("Encoding the B-scans", done, total)
            case Planned(epochs, steps):
                self.history.plan(epochs, steps)
                self._clock.start()
            case StepDone():
                self._clock.end_step()
                self.history.add_step(event)
                self._show_step(event)
                self.stepped.emit(event)
            case Validated(done, total):
                self._work("Validating", done, total)
            case EpochDone():
                self._clock.end_epoch()
                self.history.epochs.append(event)
                self.epoch_done.emit(event)
            case Samples():
                self.history.samples = event
                self.sampled.emit(event)
            case Mixed():
                self.history.mixed = event
                self.told.emit(mixing_note(event))
            case Finished():
                self._finish()
            case Told(sentence):
                self.told.emit(sentence)

    def _finish(self) -> None:
        self.history.finished = True
        if self.state == "pausing":  # too late: there is no step any more to wait after
            self._show("running", "Judging the best model")

    def _show_step(self, step: StepDone) -> None:
        begun = self.history.begun
        if begun is not None:
            doing = f"Epoch {step.epoch} of {begun.epochs}, step {step.step} of {step.steps}"
            self._work(doing, *self.history.progress)

    def _work(self, doing: str, done: int, total: int) -> None:
        """Show what is done, where nothing else is about to happen."""
        if self.state in ("preparing", "running"):
            self._show(self.state, doing, done, total)

    def _end(self, best: Path | None) -> None:
        assert self._start is not None
        self._job = None
        self._forget_unbegun()
        if self.history.begun is None and self._before.is_in(self._start.resume):
            problem, problems = self.history.problem, self.history.problems
            self.history = replace(self._before, problem=problem, problems=problems)
        else:
            self.history.best = best
            self.models += [best] if best else []
        self._show("idle", "")
        self.ended.emit()

    def _forget_unbegun(self) -> None:
        """Remove the copy of the data where nothing has begun that needs it."""
        start = self._start
        if start is not None and start.copied and self.history.begun is None:
            folder = Path(start.config.data)  # beside the window, which does not wait for the disk
            Thread(target=shutil.rmtree, args=(folder, True), name="octsam-remove").start()

    def _show(self, state: TrainingState, doing: str, done: int = 0, total: int = 0) -> None:
        self.state, self.doing, self.progress = state, doing, (done, total)
        self.changed.emit()


def _path(text: str) -> Path | None:
    return Path(text) if text else None
