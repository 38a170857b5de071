"""A training in a real process of its own: told, steered, killed, gone on with."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import psutil
import pytest
import torch

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.engine import process
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
    TrainerEvent,
    TrainerMessage,
)
from napari_octsam.engine.train.steering import Steering
from napari_octsam.engine.train.trainer import train
from napari_octsam.training.events import EpochDone, Finished, StepDone
from tests.small_runs import bscans

Wanted = Callable[[TrainerMessage], bool]


class Listener:
    """A job, and all that it has told."""

    def __init__(self, start: StartTraining, folder: Path) -> None:
        self.job = TrainingJob(start, folder)
        self.heard: list[TrainerMessage] = []
        self._queue: queue.SimpleQueue[TrainerMessage] = queue.SimpleQueue()
        self.job.heard.connect(self._queue.put)
        self.job.start()

    def until(self, wanted: Wanted) -> Any:
        while True:
            message = self._queue.get(timeout=120)
            self.heard.append(message)
            if wanted(message):
                return message

    @property
    def begun(self) -> Begun:
        (begun,) = (m for m in self.heard if isinstance(m, Begun))
        return begun

    def end(self) -> Any:
        return self.until(lambda m: isinstance(m, Ended | Refused | Died))


@pytest.fixture(autouse=True)
def hardly_nicer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trainings give way a little only: on a busy machine they would wait for minutes."""
    monkeypatch.setattr(process, "_NICER", 1)


@pytest.fixture
def config(tmp_path: Path, small_checkpoint: Path) -> TrainConfig:
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for number, bscan in enumerate(bscans(4)):
        iio.imwrite(tmp_path / "data" / "images" / f"s{number}_1.png", bscan.image)
        iio.imwrite(tmp_path / "data" / "masks" / f"s{number}_1.png", bscan.labels)
    return TrainConfig(
        data=str(tmp_path / "data"),
        label_schema="layers7",
        out=str(tmp_path / "runs"),
        base_model=str(small_checkpoint),
        device="cpu",
        adapts="decoder",
        prompt="boxes",
        objects=4,
        epochs=2,
        batch_size=1,
        warmup_steps=0,
        augment=False,
    )


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[[StartTraining], Listener]]:
    listeners: list[Listener] = []

    def start(message: StartTraining) -> Listener:
        listeners.append(Listener(message, tmp_path / "log"))
        return listeners[-1]

    yield start
    for listener in listeners:
        listener.job.kill()
        assert listener.job.wait(60)


def is_step(epoch: int, step: int) -> Wanted:
    def wanted(message: TrainerMessage) -> bool:
        event = message.event if isinstance(message, Happened) else None
        return isinstance(event, StepDone) and (event.epoch, event.step) == (epoch, step)

    return wanted


def weights(path: Path) -> dict[str, torch.Tensor]:
    state = torch.load(path / "last.pt", weights_only=True)
    return dict(state["learnt"])


@pytest.mark.slow("three trainings, each with a report of its best model")
def test_a_run_that_was_paused_and_stopped_goes_on_to_the_same_end(
    config: TrainConfig, listen: Callable[[StartTraining], Listener]
) -> None:
    whole = listen(StartTraining(config))
    ended = whole.end()
    assert ended.complete
    assert Path(ended.best).is_file()
    begun = whole.begun
    assert not (Path(begun.folder) / "embeddings").exists()
    assert begun.schema.name == "layers7"
    assert "trains on" in begun.plan
    events = [m.event for m in whole.heard if isinstance(m, Happened)]
    assert [e.epoch for e in events if isinstance(e, EpochDone)] == [0, 1, 2]
    assert isinstance(events[-1], Finished)
    assert whole.job.wait(60)

    stopped = listen(StartTraining(config))
    stopped.until(is_step(1, 1))
    stopped.job.steer("pause")
    stopped.until(lambda m: isinstance(m, PausedNow))
    stopped.job.steer("go on")
    stopped.until(is_step(2, 1))
    stopped.job.steer("stop")
    assert not stopped.end().complete
    assert list(Path(stopped.begun.folder, "embeddings").iterdir())

    resumed = listen(StartTraining(TrainConfig(), resume=stopped.begun.folder))
    assert resumed.end().complete
    assert [e.epoch for e in resumed.begun.past] == [0, 1]
    ours, theirs = weights(Path(begun.folder)), weights(Path(stopped.begun.folder))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


@pytest.mark.slow("two trainings up to their second epoch")
def test_a_killed_training_says_so_and_can_be_gone_on_with(
    config: TrainConfig, listen: Callable[[StartTraining], Listener]
) -> None:
    listener = listen(StartTraining(config.model_copy(update={"epochs": 50})))
    listener.until(is_step(2, 1))
    assert listener.job.pid is not None
    psutil.Process(listener.job.pid).kill()
    died = listener.end()
    assert isinstance(died, Died)
    assert "Continue" in died.sentence

    again = listen(StartTraining(TrainConfig(), resume=listener.begun.folder))
    again.until(is_step(2, 1))
    again.job.kill()
    ended = again.end()
    assert isinstance(ended, Died)
    assert "at once" in ended.sentence


def test_when_napari_is_gone_the_training_saves_its_state_and_ends(
    config: TrainConfig, listen: Callable[[StartTraining], Listener]
) -> None:
    listener = listen(StartTraining(config.model_copy(update={"epochs": 50})))
    listener.until(is_step(1, 2))
    assert listener.job.pid is not None
    trainer = psutil.Process(listener.job.pid)
    if os.name == "posix":  # Windows has priority classes in place of niceness
        assert trainer.nice() > os.getpriority(os.PRIO_PROCESS, 0)
    listener.job.leave()
    trainer.wait(60)
    assert (Path(listener.begun.folder) / "last.pt").is_file()


def test_what_is_wrong_with_the_data_is_listed(config: TrainConfig) -> None:
    (Path(config.data) / "masks" / "s1_1.png").unlink()
    refused = train(StartTraining(config), Steering(), drop)
    assert isinstance(refused, Refused)
    assert any("s1_1" in problem for problem in refused.problems)
    nowhere = config.model_copy(update={"data": "nowhere"})
    with pytest.raises(UserError, match="nowhere"):
        train(StartTraining(nowhere), Steering(), drop)


def test_a_fault_of_the_program_names_its_log_which_stays_short(
    tmp_path: Path, listen: Callable[[StartTraining], Listener]
) -> None:
    log = tmp_path / "log" / "training.log"
    log.parent.mkdir()
    log.write_bytes(b"x" * (2 << 20))
    refused = listen(StartTraining(None)).end()  # type: ignore[arg-type]
    assert refused.sentence.endswith(f"Its log says more: {log}")
    assert log.stat().st_size < 1 << 20
    assert "Traceback" in log.read_text("utf-8")


def test_a_training_that_is_ended_before_it_began_is_no_failure(
    config: TrainConfig, listen: Callable[[StartTraining], Listener]
) -> None:
    listener = listen(StartTraining(config))
    listener.until(lambda m: isinstance(m, Preparing))
    listener.job.kill()
    assert listener.end() == Ended(complete=False, best="")
    assert not Path(config.out).exists()


def test_a_stop_before_the_first_step_is_no_failure_and_leaves_nothing(
    config: TrainConfig,
) -> None:
    steering = Steering()
    steering.obey("stop")
    assert train(StartTraining(config), steering, drop) == Ended(complete=False, best="")
    assert not Path(config.out).exists()


def drop(event: TrainerEvent) -> None:
    """Take what a training tells, for nobody."""
