"""The folder of a run: always whole, and enough to go on from."""

from __future__ import annotations

import csv
import gc
import json
import multiprocessing
import os
import re
import sys
import time
from collections import deque
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.data.split.split import Member, Split, read_split
from napari_octsam.models.devices import NotEnoughMemoryError
from napari_octsam.training.events import EpochDone, StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run import folder as folders
from napari_octsam.training.run import prepare as preparing
from napari_octsam.training.run import recording
from napari_octsam.training.run.folder import RunFolder
from napari_octsam.training.run.recording import recorded
from napari_octsam.training.run.states import restore_state, write_state
from tests.running import fork_context
from tests.small_runs import CONFIG, FEW, SCHEMA, bscans, fine_tuning, new_folder, same, small_model

LONG = CONFIG.model_copy(update={"epochs": 100_000, **FEW})  # which never ends by itself


def train_on(path: Path) -> None:
    """Go on with a long run, and write as often as can be."""
    folder = RunFolder(path)
    run = fine_tuning(folder.embeddings, LONG, count=1)
    folder.restore(run)
    deque(recorded(run, folder, SCHEMA, save_every=0), maxlen=0)


class Whole(NamedTuple):
    """A run that is done, its folder, and the epochs that it told."""

    run: FineTuning
    folder: RunFolder
    epochs: list[EpochDone]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """To look at."""
    folder = new_folder(tmp_path_factory.mktemp("runs"))
    run = fine_tuning(folder.embeddings)
    epochs = [e for e in recorded(run, folder, SCHEMA) if isinstance(e, EpochDone)]
    return Whole(run, folder, epochs)


def test_a_run_leaves_its_settings_figures_state_and_best_model(whole: Whole) -> None:
    run, folder, epochs = whole

    assert folder.config() == CONFIG
    assert json.loads((folder.path / "metrics.json").read_text())[2]["epoch"] == 2
    rows = list(csv.DictReader((folder.path / "metrics.csv").open()))
    assert [float(row["score"]) for row in rows] == pytest.approx([e.score for e in epochs])
    assert rows[2]["loss topology"]
    assert rows[1]["loss topology"] == rows[0]["loss segmentation"] == ""
    with safe_open(folder.best, "pt") as file:
        header = json.loads(file.metadata()["napari_octsam"])
    assert header["label_schema"]["name"] == "layers7"
    assert header["training"]["epoch"] == run.best_epoch
    assert not [path for path in folder.path.iterdir() if path.name.startswith(".")]
    assert new_folder(folder.path.parent).path != folder.path


def test_a_run_that_goes_on_keeps_its_figures_and_ends_the_same(
    whole: Whole, tmp_path: Path
) -> None:
    folder = new_folder(tmp_path)
    events = recorded(fine_tuning(folder.embeddings), folder, SCHEMA, save_every=0)
    for event in events:
        if isinstance(event, StepDone) and (event.epoch, event.step) == (2, 1):
            break
    events.close()
    again = fine_tuning(folder.embeddings)
    assert folder.restore(again)
    list(recorded(again, folder, SCHEMA))

    assert same(whole.run.weights(), again.weights())
    assert folder.read_metrics() == whole.folder.read_metrics()


def test_a_state_holds_what_is_trained_only_and_fits_no_other_base(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    run = fine_tuning(folder.embeddings)
    folder.save_state(run)
    state = torch.load(folder.path / "last.pt", weights_only=True)
    assert state["learnt"].keys() == state["best"]["learnt"].keys()
    assert all(name.startswith("mask_decoder.") for name in state["learnt"])

    model = small_model()
    with torch.no_grad():
        next(iter(model.network.image_encoder.parameters())).add_(1)  # type: ignore[attr-defined]
    other = FineTuning(model, bscans(3), bscans(1, 50), SCHEMA, CONFIG, folder.embeddings)
    with pytest.raises(UserError, match=r"last\.pt: it began with another base model"):
        folder.restore(other)


@pytest.mark.slow("ten processes train, one after the other, until they are killed")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_a_kill_at_any_moment_leaves_a_state_to_go_on_from(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    context = fork_context()  # else most moments are of an import

    def started() -> multiprocessing.process.BaseProcess:
        process = context.Process(target=train_on, args=(folder.path,))
        process.start()
        return process

    def saved_steps() -> int:
        run = fine_tuning(folder.embeddings, LONG, count=1)
        return run.epoch * run.steps + run.step if folder.restore(run) else 0

    def killed_after_more_than(steps: int) -> float:
        began = time.monotonic()
        process = started()
        while saved_steps() <= steps:
            assert process.is_alive()
            time.sleep(0.01)
        process.kill()
        process.join()
        return time.monotonic() - began

    first = context.Process(target=str)  # it waits until torch is there to fork from
    first.start()
    first.join()
    first_step = killed_after_more_than(0)
    steps = saved_steps()
    for moment in np.random.default_rng(0).uniform(0, min(1.5 * first_step, 3), 9):
        process = started()
        process.join(moment)
        process.kill()
        process.join()

        run = fine_tuning(folder.embeddings, LONG, count=1)
        assert folder.restore(run)
        done = run.epoch * run.steps + run.step
        assert done >= steps
        steps = done
        if run.best_epoch:
            assert folder.best.exists()
        shown = (p for p in folder.path.glob("*.safetensors") if not p.name.startswith("."))
        for path in shown:  # what was half written is hidden, and goes with the next start
            assert set(content(path)[0]) == set(run.weights())
    killed_after_more_than(steps)


def test_a_state_that_does_not_fit_the_memory_is_not_called_damaged(tmp_path: Path) -> None:
    write_state(tmp_path / "last.pt", {})
    with pytest.raises(NotEnoughMemoryError, match="Memory ran out"):
        restore_state(tmp_path / "last.pt", lambda _: torch.empty(1 << 58), torch.device("cpu"))


class SlowFolder(RunFolder):
    """Writes to a slow disk, and the clock that says so."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(path)
        self.seconds = seconds
        self.now = 0.0
        self.saved: list[int] = []

    def monotonic(self) -> float:
        return self.now

    def save_state(self, run: FineTuning) -> None:
        super().save_state(run)
        self.now += self.seconds
        self.saved.append(run.epoch)


@pytest.mark.parametrize(
    ("seconds", "saved"), [(0.1, [0, 1, 2, 3, 4, 5, 6, 7, 7]), (3.0, [0, 5, 7])]
)
def test_writing_takes_a_small_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, saved: list[int]
) -> None:
    config = CONFIG.model_copy(update={"epochs": 7, **FEW})
    folder = SlowFolder(new_folder(tmp_path, config).path, seconds)
    monkeypatch.setattr(recording, "time", folder)
    run = fine_tuning(folder.embeddings, config, count=1)
    for event in recorded(run, folder, SCHEMA):
        folder.now += 11 if isinstance(event, EpochDone) else 0
    assert folder.saved == saved
    assert folder.has_best_of(run)


def test_a_state_of_another_model_or_half_a_file_is_refused(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    run = fine_tuning(folder.embeddings)
    torch.save({"network": {}}, folder.path / "last.pt")
    with pytest.raises(UserError, match=r"cannot go on from .*last\.pt"):
        folder.restore(run)
    (folder.path / "last.pt").write_bytes(b"PK half a file")
    with pytest.raises(UserError, match=r"cannot go on from .*last\.pt"):
        folder.restore(run)
    folder.save_state(run)
    whole = (folder.path / "last.pt").read_bytes()
    for length in (0, 20, len(whole) // 40, len(whole) // 2, len(whole) - 70, len(whole) - 22):
        (folder.path / "last.pt").write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cannot go on from .*last\.pt"):
            folder.restore(run)
    with pytest.raises(UserError, match="not the folder of a run"):
        RunFolder(tmp_path).config()
    (folder.path / "config.json").write_text('{"epochs": "x", "foo": 1}')
    with pytest.raises(UserError, match=r"config\.json: epochs: [^\n]*$"):
        folder.config()


def test_runs_of_one_name_lie_in_folders_of_that_name_and_never_in_one(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"display_name": "macula"})
    names = [new_folder(tmp_path / "models" / "custom", config).path.name for _ in range(3)]
    assert all(re.fullmatch(r"macula-[0-9a-f]{6}", name) for name in names)
    assert len(set(names)) == 3
    assert sorted(names) == sorted(path.name for path in (tmp_path / "models/custom").iterdir())
    nameless = RunFolder.named(tmp_path, CONFIG.model_copy(update={"display_name": ""}))
    assert re.fullmatch(r"\d\d-\d\d-\d\d_\d\d\.\d\d\.\d\d-[0-9a-f]{6}", nameless.path.name)


@pytest.mark.parametrize("name", ["../../a/b", "/etc/x", "C:\\x?", "..", " ", "ü" * 300])
def test_whatever_a_run_is_called_its_folder_lies_where_it_was_to_be(
    tmp_path: Path, name: str
) -> None:
    config = CONFIG.model_copy(update={"display_name": name})
    folder = new_folder(tmp_path / "runs", config)
    assert folder.path.parent == tmp_path / "runs"
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert folder.path.name[0] not in ". -"


def content(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118


def test_a_best_model_that_somebody_deleted_is_written_again(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 2, "lr": 1e-12, **FEW})
    folder = new_folder(tmp_path, config)
    run = fine_tuning(folder.embeddings, config, count=1)
    for event in recorded(run, folder, SCHEMA):
        if isinstance(event, EpochDone) and event.epoch == 1:
            weights, header = content(folder.best)
            folder.best.unlink()
    assert run.best_epoch == 1
    for _ in range(2):
        written, described = content(folder.best)
        assert same(written, weights)
        assert described == header

        folder.best.unlink()
        again = fine_tuning(folder.embeddings, config, count=1)
        folder.restore(again)
        list(recorded(again, folder, SCHEMA))
    assert folder.best.is_file()


def test_a_best_model_of_another_epoch_than_the_states_is_replaced(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 1, **FEW})
    folder = new_folder(tmp_path, config)
    list(recorded(fine_tuning(folder.embeddings, config, count=1), folder, SCHEMA))
    weights, _ = content(folder.best)
    later = fine_tuning(folder.embeddings, config, count=1)
    state = later.state_dict()
    later.load_state_dict({**state, "best": {**state["best"], "epoch": 2}})
    folder.save_best(later, SCHEMA, [])
    assert folder.has_best_of(later)

    again = fine_tuning(folder.embeddings, config, count=1)
    folder.restore(again)
    list(recorded(again, folder, SCHEMA))
    assert folder.has_best_of(again)
    assert not folder.has_best_of(later)
    assert same(content(folder.best)[0], weights)


def hold(path: Path, told: Connection) -> None:
    """Lock a run until the end."""
    folder = RunFolder(path)
    folder.lock()
    told.send("locked")
    told.recv()


@pytest.mark.slow("where it is the first to fork, it waits until torch is there to fork from")
def test_a_run_has_one_process_and_is_free_again_when_that_is_killed(tmp_path: Path) -> None:
    context = fork_context()
    here, there = context.Pipe()
    process = context.Process(target=hold, args=(tmp_path, there))
    process.start()
    assert here.recv() == "locked"
    with pytest.raises(UserError, match="Another process is training the run"):
        RunFolder(tmp_path).lock()
    process.kill()
    process.join()
    RunFolder(tmp_path).lock()


@pytest.mark.parametrize("metrics", ["[", "{}x", '[{"epoch": 1}]', "[3]", "7"])
def test_metrics_that_cannot_be_read_are_said(tmp_path: Path, metrics: str) -> None:
    (tmp_path / "metrics.json").write_text(metrics)
    with pytest.raises(UserError, match=r"metrics\.json"):
        RunFolder(tmp_path).read_metrics()


SPLIT = Split(("a",), ("b",), (), {name: Member(name, "0" * 64) for name in "ab"})


def begin(root: Path) -> RunFolder:
    """Make a run's folder as a training does that begins."""
    folder = RunFolder.named(root, CONFIG)
    preparing._begin(folder, CONFIG, cast(Any, SimpleNamespace(split=SPLIT)))
    return folder


def test_a_run_that_begins_has_its_settings_and_its_split(tmp_path: Path) -> None:
    folder = begin(tmp_path / "models" / "custom")
    assert folder.config() == CONFIG
    assert read_split(folder.split) == SPLIT


@pytest.mark.parametrize("fault", ["patients", "lock", "split"])
def test_a_run_that_cannot_begin_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    root = tmp_path / "models"

    def fail(*_: object) -> None:
        raise UserError("The disk is full.")

    place = {
        "patients": (preparing, "remember_patients"),
        "lock": (folders, "lock_folder"),
        "split": (folders, "write_split"),
    }[fault]
    monkeypatch.setattr(*place, fail)
    with pytest.raises(UserError, match="The disk is full"):
        begin(root)
    assert not root.exists() or not list(root.iterdir())


def test_a_run_that_has_come_to_something_is_not_discarded(whole: Whole, tmp_path: Path) -> None:
    whole.folder.discard_unbegun()
    assert whole.folder.best.exists()
    unbegun = new_folder(tmp_path)
    unbegun.discard_unbegun()
    assert not unbegun.path.exists()


def leave_half(path: Path) -> Path:
    with replacing(path) as left:
        left.write_text("half")
    left.write_text("half")
    return left


def test_the_next_training_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    killed, at_work = new_folder(tmp_path), new_folder(tmp_path)
    RunFolder(killed.path).lock()  # and let it go, as one that is killed does
    gc.collect()
    at_work.lock()
    gone, kept = (leave_half(each.path / "last.pt") for each in (killed, at_work))

    begin(tmp_path)

    assert not gone.exists()
    assert kept.exists()


def test_a_run_that_goes_on_sweeps_what_it_left(tmp_path: Path) -> None:
    folder = new_folder(tmp_path)
    left = leave_half(folder.path / "last.pt")
    folder.lock()
    assert not left.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_a_run_is_for_its_user_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = begin(tmp_path)
    run = fine_tuning(folder.embeddings, CONFIG.model_copy(update={"epochs": 1, **FEW}), count=1)
    list(recorded(run, folder, SCHEMA))
    paths = [folder.path, *folder.path.rglob("*")]
    assert len(paths) > 6
    assert {path.name for path in paths if path.stat().st_mode & 0o077} == set()
