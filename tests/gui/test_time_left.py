"""How long a training is said to take still."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

pytest.importorskip("napari")

from napari_octsam.core.config import TrainConfig
from napari_octsam.engine.train.messages import (
    Begun,
    PausedNow,
    StartTraining,
    TrainerMessage,
)
from napari_octsam.gui.learning.status_panel import StatusPanel
from napari_octsam.gui.session import step_clock
from napari_octsam.gui.session.training import Training
from napari_octsam.gui.widgets.main_thread import MainThread
from napari_octsam.training.events import Encoded, EpochDone, Event, StepDone, Validated
from tests.small_runs import SCHEMA
from tests.steered import Jobs

BEGUN = Begun("runs/a", "The model trains on 2 B-scans.", (), SCHEMA, 3, 2)


class AtOnce:
    """Calls in the thread that asks."""

    def call(self, function: Callable[[], object]) -> None:
        function()


class Timed:
    """A training that tells its messages at seconds of the test's choice."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.jobs = Jobs()
        monkeypatch.setattr(step_clock, "monotonic", lambda: self.now)
        self.training = Training(cast(MainThread, AtOnce()), self.jobs)
        self.training.start(StartTraining(TrainConfig()))

    def hear(self, *told: tuple[float, TrainerMessage | Event]) -> None:
        """Let messages come, each so many seconds after the one before."""
        for seconds, message in told:
            self.now += seconds
            self.jobs.tell(message)

    @property
    def left(self) -> float | None:
        return self.training.seconds_left


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Timed:
    return Timed(monkeypatch)


def step(epoch: int, number: int) -> StepDone:
    return StepDone(epoch, number, 2, 1e-4, {"segmentation": 0.5})


def test_the_time_left_counts_validations_but_not_the_encoding(timed: Timed) -> None:
    timed.hear((9, BEGUN), (100, Encoded(2, 2)), (8, Validated(1, 2)), (2, EpochDone(0, {})))
    assert timed.left is None
    timed.hear((3, step(1, 1)))
    assert timed.left == 5 * 3 + 3 * 10
    timed.hear((5, step(1, 2)))
    assert timed.left == 4 * 4 + 3 * 10
    timed.hear((10, Validated(1, 2)), (10, EpochDone(1, {})))
    assert timed.left == 4 * 4 + 2 * 15


def test_a_pause_is_no_time_of_the_training(timed: Timed) -> None:
    timed.hear((0, BEGUN), (4, step(1, 1)))
    timed.training.pause()
    timed.hear((0, PausedNow()))
    timed.now += 1000
    timed.training.go_on()
    assert timed.left == 5 * 4
    timed.hear((4, step(1, 2)))
    assert timed.left == 4 * 4


def test_of_a_run_that_is_gone_on_with_nothing_is_said_before_a_validation(timed: Timed) -> None:
    timed.hear((0, replace(BEGUN, past=(EpochDone(1, {}),))), (4, step(2, 1)), (4, step(2, 2)))
    assert timed.left is None
    timed.hear((20, EpochDone(2, {})))
    assert timed.left == 2 * 4 + 1 * 20


@pytest.mark.usefixtures("qapp")
def test_the_time_left_is_shown_while_the_training_runs(timed: Timed) -> None:
    status = StatusPanel(timed.training)
    timed.hear((0, BEGUN), (5, EpochDone(0, {})), (4, step(1, 1)))
    status.refresh()
    assert status.text.text() == "Epoch 1 of 3, step 1 of 2 · 35 s left"
    timed.training.pause()
    status.refresh()
    assert "left" not in status.text.text()
