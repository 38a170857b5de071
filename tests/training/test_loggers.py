"""Metrics and samples reach the loggers that were asked for, and nobody else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_octsam.core.errors import UserError
from napari_octsam.training.events import (
    ClassMetrics,
    EpochDone,
    Event,
    Finished,
    Sample,
    Samples,
    StepDone,
)
from napari_octsam.training.run.loggers import chosen_loggers, logged
from napari_octsam.training.run.prepare import prepare
from tests.small_runs import CONFIG, SCHEMA, new_folder

IMAGE = np.arange(40 * 60, dtype=np.uint8).reshape(40, 60)
LABELS = np.where(IMAGE > 128, 2, 0).astype(np.uint8)
EVENTS: list[Event] = [
    StepDone(1, 1, 1, 0.1, {"segmentation": 0.5}),
    EpochDone(
        *(1, {"segmentation": 0.5}, {2: ClassMetrics(0.75, 1.0, 2.5)}, 0.75, True),
        validation={"segmentation": 0.25},
    ),
    Samples(
        1,
        (
            Sample("s01_1", IMAGE, LABELS, LABELS),
            Sample("s02_1", IMAGE, LABELS, LABELS, "training"),
        ),
    ),
    Finished("all epochs", 1),
]


@pytest.fixture
def wandb_anew() -> Iterator[None]:
    """Let wandb forget what it read from the environment, before and after."""
    import wandb

    wandb.teardown()
    yield
    wandb.teardown()


def test_without_being_asked_nothing_is_logged(tmp_path: Path) -> None:
    assert chosen_loggers(CONFIG, new_folder(tmp_path), SCHEMA) == []


def test_tensorboard_has_figures_by_class_and_pictures(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"tensorboard": True})
    folder = new_folder(tmp_path, config)

    assert list(logged(EVENTS, chosen_loggers(config, folder, SCHEMA))) == EVENTS

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(folder.path / "tensorboard"))
    board.Reload()
    (dice,) = board.Scalars(f"dice/{SCHEMA[2].name}")
    assert (dice.step, dice.value) == (1, 0.75)
    assert board.Scalars("loss/segmentation")[0].value == 0.5
    assert board.Scalars("validation loss/segmentation")[0].value == 0.25
    assert board.Scalars(f"boundary error/{SCHEMA[2].name}")[0].value == 2.5
    (picture,) = board.Images("prediction and truth/s01_1")
    assert (picture.height, picture.width) == (40, 120)
    assert board.Images("training prediction and truth/s02_1")


def test_weights_and_biases_keeps_a_run_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wandb_anew: None
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    asked = {"project": "oct", "entity": "eye-clinic", "display_name": "lr 1, topology"}
    config = CONFIG.model_copy(update={"wandb": True, "adapts": "lora", **asked})
    folder = new_folder(tmp_path / "runs", config)

    loggers = chosen_loggers(config, folder, SCHEMA)
    run = loggers[0]._run
    assert list(logged(EVENTS, loggers)) == EVENTS
    import wandb

    wandb.teardown()  # its own process writes what it still holds

    assert (run.project, run.entity, run.name) == ("oct", "eye-clinic", "lr 1, topology")
    assert run.config["adapts"] == "lora"
    (kept,) = (folder.path / "wandb").glob("offline-run-*")
    (records,) = kept.glob("*.wandb")
    sent = ("sample/s01_1", "training sample/s02_1", "loss/segmentation", "validation loss/segm")
    for name in (f"dice/{SCHEMA[2].name}", *sent):
        assert name.encode() in records.read_bytes()
    assert list(kept.glob("files/media/images/mask/**/*.png"))
    assert not (tmp_path / "wandb").exists()


@pytest.mark.parametrize("what", ["wandb", "tensorboard"])
def test_a_logger_that_is_not_installed_says_how_to_have_it_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setitem(sys.modules, what, None)
    out = tmp_path / "out"
    config = CONFIG.model_copy(update={what: True, "data": str(tmp_path), "out": str(out)})
    sentence = rf"pip install napari-octsam\[{what}\], or turn it off"
    with pytest.raises(UserError, match=sentence):
        prepare(config, fetch=lambda _: pytest.fail("it was downloaded first"))
    assert not out.exists()
    with pytest.raises(UserError, match=sentence):
        chosen_loggers(config, new_folder(tmp_path, config), SCHEMA)


def test_weights_and_biases_without_a_login_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wandb_anew: None
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nothing is sent anywhere
    config = CONFIG.model_copy(update={"wandb": True})
    folder = new_folder(tmp_path, config)
    with pytest.raises(UserError, match=r"Weights & Biases refuses: .*API key"):
        chosen_loggers(config, folder, SCHEMA)
    assert not folder.path.exists()  # the run has not begun


class Failing:
    name = "The board"

    def __init__(self) -> None:
        self.told = 0

    def log(self, event: Event) -> None:
        self.told += 1
        raise ConnectionError("the network is gone\nand more")

    def close(self) -> None:
        raise OSError("closed already")


def test_a_logger_that_fails_ends_no_training() -> None:
    said: list[str] = []
    failing = Failing()

    assert list(logged(EVENTS, [failing], said.append)) == EVENTS
    assert failing.told == 1
    assert said == ["The board has failed and is told no more: the network is gone."]
