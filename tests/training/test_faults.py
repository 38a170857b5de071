"""What goes wrong with data, disk and numbers: said in a sentence, and nothing is lost."""

from __future__ import annotations

import os
import pickle
import re
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.facts import examine, members_of
from napari_octsam.data.layouts import open_dataset
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.data.split.assignment import make_split
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.training.data import PreflightFailed
from napari_octsam.training.events import EpochDone, Samples, StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run import recording
from napari_octsam.training.run.folder import RunFolder
from napari_octsam.training.run.prepare import prepare
from napari_octsam.training.run.recording import recorded
from napari_octsam.training.run.report import report_best
from tests.running import Running, forked, real
from tests.small_runs import (
    CONFIG,
    FEW,
    SCHEMA,
    bscans,
    fine_tuning,
    new_folder,
    same,
    small_model,
    small_octsam,
)

BY_ONE = CONFIG.model_copy(update={"batch_size": 1, **FEW})


def settings(folder: Path, names: tuple[str, ...], base: Path = Path("none")) -> TrainConfig:
    """Return those of a run on new data in the folder."""
    for name, bscan in zip(names, bscans(len(names)), strict=True):
        for part, pixels in (("images", bscan.image), ("masks", bscan.labels)):
            (folder / "data" / part).mkdir(parents=True, exist_ok=True)
            iio.imwrite(folder / "data" / part / f"{name}.png", pixels)
    return CONFIG.model_copy(
        update={
            "data": str(folder / "data"),
            "out": str(folder / "runs"),
            "label_schema": "layers7",
            "base_model": str(base),
        }
    )


def test_all_problems_of_the_data_are_known_before_anything_is_made(tmp_path: Path) -> None:
    config = settings(tmp_path, ("s01_1", "s02_1", "s03_1"))
    (tmp_path / "data" / "masks" / "s02_1.png").unlink()
    iio.imwrite(tmp_path / "data" / "masks" / "s03_1.png", np.full((128, 160), 99, np.uint8))
    with pytest.raises(PreflightFailed) as failed:
        prepare(config)
    assert {name for problem in failed.value.problems for name in problem.names} == {
        "s02_1",
        "s03_1",
    }
    assert "s02_1" in str(failed.value)
    assert "s03_1" in str(failed.value)
    assert not (tmp_path / "runs").exists()
    crossed = pickle.loads(pickle.dumps(failed.value))
    assert (crossed.problems, str(crossed)) == (failed.value.problems, str(failed.value))


def test_a_single_bscan_is_learnt_from_and_that_nobody_can_judge_it_is_said(
    tmp_path: Path, small_checkpoint: Path
) -> None:
    prepared = prepare(settings(tmp_path, ("s01_1",), small_checkpoint))
    assert len(prepared.data.training) == 1
    assert any("nobody can say how good" in warning for warning in prepared.warnings)


def test_a_run_without_validation_keeps_the_epoch_of_the_least_loss(tmp_path: Path) -> None:
    run = FineTuning(small_model(), bscans(2), [], SCHEMA, CONFIG, tmp_path)
    events = list(run.run())
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert epochs[0].best
    assert not epochs[0].classes
    assert "topology" in epochs[1].losses  # and not in the first, which it is compared with
    for epoch in epochs:
        compared = sum(loss for name, loss in epoch.losses.items() if name != "topology")
        assert epoch.score == pytest.approx(-compared)
    assert not [event for event in events if isinstance(event, Samples)]


def without_class_3(labels: np.ndarray) -> np.ndarray:
    return np.where(labels == 3, 2, labels).astype(np.uint8)


def test_a_class_that_no_bscan_shows_is_told(tmp_path: Path, small_checkpoint: Path) -> None:
    config = settings(tmp_path, ("s01_1", "s02_1"), small_checkpoint)
    for path in (tmp_path / "data" / "masks").iterdir():
        iio.imwrite(path, without_class_3(iio.imread(path)))
    prepared = prepare(config)
    assert any("no B-scan shows: 3" in warning for warning in prepared.warnings)
    assert prepared.plan.startswith("The model learns layers7, trains on 2 B-scans")


def test_a_class_that_no_bscan_shows_is_left_out(tmp_path: Path) -> None:
    seen = [replace(each, labels=without_class_3(each.labels)) for each in bscans(2)]
    run = FineTuning(small_model(), seen, seen[:1], SCHEMA, CONFIG, tmp_path)
    first = next(event for event in run.run() if isinstance(event, EpochDone))
    assert set(first.classes) == {1, 2, 4, 5, 6, 7}


def test_a_bscan_without_labels_does_not_stop_a_run(tmp_path: Path) -> None:
    empty = LabelledBScan("empty", bscans(1)[0].image, np.zeros((128, 160), np.uint8))
    config = CONFIG.model_copy(update={"batch_size": 1, "epochs": 1})
    run = FineTuning(small_model(), [empty, *bscans(1)], [], SCHEMA, config, tmp_path)
    steps = [event for event in run.run() if isinstance(event, StepDone)]
    assert sorted(bool(step.losses) for step in steps) == [False, True]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_is_said_and_the_last_state_stays_whole(tmp_path: Path) -> None:
    import resource

    config = CONFIG.model_copy(update={"epochs": 1, **FEW})
    folder = new_folder(tmp_path, config)
    run = fine_tuning(folder.embeddings, config, count=1)
    list(recorded(run, folder, SCHEMA))
    before = {path: path.read_bytes() for path in folder.path.glob("*.*") if path.is_file()}

    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, kept[1]))
    try:
        with pytest.raises(UserError, match=r"Cannot write .*last\.pt: File too large"):
            folder.save_state(run)
        with pytest.raises(UserError, match=r"Cannot write .*best\.safetensors: File too large"):
            folder.save_best(run, SCHEMA, [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, ignored)

    after = {path: path.read_bytes() for path in folder.path.glob("*.*") if path.is_file()}
    assert after == before
    assert folder.restore(fine_tuning(folder.embeddings, config, count=1))


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_after_a_number_is_lost_the_best_file_and_the_last_state_are_good(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "_CHEAP", np.inf)  # each epoch is written, on a slow disk too
    folder = new_folder(tmp_path, BY_ONE)
    run = fine_tuning(folder.embeddings, BY_ONE, count=2)
    events = recorded(run, folder, SCHEMA, save_every=0)
    while not folder.best.exists():
        next(events)
    best = folder.best.read_bytes()
    weight = next(p for n, p in run.model.network.named_parameters() if "own_tokens" in n)
    if broken == "loss":
        weight.data.fill_(torch.nan)
    else:
        weight.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(UserError, match=r"no number any more, in epoch 2.* of epoch 1, are kept"):
        list(events)

    assert folder.best.read_bytes() == best
    assert all(value.isfinite().all() for value in load_file(folder.best).values())
    again = fine_tuning(folder.embeddings, BY_ONE, count=2)
    assert folder.restore(again)
    assert all(value.isfinite().all() for value in again.weights().values())
    assert (again.epoch, again.step) == (1, 0)


def test_a_number_that_is_lost_in_the_first_epoch_loses_no_step(tmp_path: Path) -> None:
    folder = new_folder(tmp_path, BY_ONE)
    run = fine_tuning(folder.embeddings, BY_ONE, count=2)
    events = recorded(run, folder, SCHEMA)
    while not isinstance(next(events), StepDone):
        pass
    weight = next(p for n, p in run.model.network.named_parameters() if "own_tokens" in n)
    weight.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(UserError, match=r"new training with a lower learning rate.* no best model"):
        list(events)
    again = fine_tuning(folder.embeddings, BY_ONE, count=2)
    assert folder.restore(again)
    assert (again.epoch, again.step) == (0, 1)
    assert same(again.weights(), run.weights())


def test_where_the_test_part_shows_no_class_the_report_is_on_the_validation_part(
    tmp_path: Path, small_checkpoint: Path
) -> None:
    names = tuple(f"s{number}_1" for number in range(6))
    config = settings(tmp_path, names, small_checkpoint)
    split = make_split(members_of(examine(open_dataset(Path(config.data), SCHEMA))))
    for name in split.test:
        iio.imwrite(tmp_path / "data" / "masks" / f"{name}.png", np.zeros((128, 160), np.uint8))
    prepared = prepare(config.model_copy(update={"epochs": 1, **FEW}))
    deque(recorded(prepared.run, prepared.folder, prepared.schema), maxlen=0)
    final = report_best(prepared)
    assert final is not None
    assert final.part == "validation"
    assert prepared.folder.report.is_file()


def write_run(folder: Path, base: Path) -> str:
    """Write data, and settings of a run that nobody waits for; return the settings' path."""
    config = settings(folder, ("s01_1", "s02_1"), base)
    config = config.model_copy(update={"epochs": 500, "out": str(folder / "my runs"), **FEW})
    (folder / "run.json").write_text(config.model_dump_json())
    return str(folder / "run.json")


@pytest.mark.slow("a real command imports torch, trains and is interrupted")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
@pytest.mark.parametrize(
    ("sent", "start", "base"),
    [
        (signal.SIGINT, partial(real, "napari_octsam"), "tiny_checkpoint"),
        (signal.SIGTERM, partial(forked, small_octsam), "small_checkpoint"),
    ],
)
def test_ctrl_c_ends_after_the_step_with_the_state_saved_and_says_how_to_go_on(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    sent: signal.Signals,
    start: Callable[..., Running],
    base: str,
) -> None:
    run = write_run(tmp_path, request.getfixturevalue(base))
    process = start("train", run, folder=tmp_path, COLUMNS="200")
    process.until("Epoch 1:")
    pressed = time.time_ns()
    process.send(sent)
    code, said = process.end()
    assert code == 130
    (folder,) = (tmp_path / "my runs").glob("*-*")
    assert (folder / "last.pt").stat().st_mtime_ns > pressed
    assert f"To go on: octsam train --resume '{folder}'" in said
    assert "Traceback" not in said
    assert prepare(RunFolder(folder).config(), RunFolder(folder)).run.epoch >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_a_disk_that_fills_up_ends_the_command_in_a_sentence_and_the_last_files_are_good(
    tmp_path: Path, small_checkpoint: Path
) -> None:
    import resource

    run = write_run(tmp_path, small_checkpoint)
    process = forked(small_octsam, "train", run, folder=tmp_path, COLUMNS="200")
    process.until("Epoch 1:")
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    code, said = process.end()
    assert code == 1
    (folder,) = (tmp_path / "my runs").glob("*-*")
    (sentence,) = (line for line in said.splitlines() if line.strip() and "score" not in line)
    told = re.fullmatch(rf"Cannot write {folder}/(\S+): File too large\.", sentence)
    assert told is not None, sentence
    # which file is the first over the limit is a matter of how far the run is by then
    assert told[1] in ("last.pt", "best.safetensors", "metrics.json", "metrics.csv")
    assert not [path for path in folder.rglob(".*") if path.is_file()]
    best, state = folder / "best.safetensors", folder / "last.pt"
    assert best.exists() or state.exists()  # on a busy machine not both were written by then
    if best.exists():
        load_model(best)
    if state.exists():
        assert prepare(RunFolder(folder).config(), RunFolder(folder)).run.epoch >= 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no read-only folders")
def test_a_run_in_a_folder_that_is_read_only_says_so(
    tmp_path: Path, small_checkpoint: Path
) -> None:
    path = prepare(settings(tmp_path, ("s01_1", "s02_1"), small_checkpoint)).folder.path
    (path / "run.lock").unlink()
    path.chmod(0o500)
    try:
        if os.access(path, os.W_OK):
            pytest.skip("root may write everywhere")
        with pytest.raises(UserError, match=r"Cannot write .*run\.lock: Permission denied"):
            prepare(RunFolder(path).config(), RunFolder(path))
    finally:
        path.chmod(0o700)


def test_a_run_whose_data_has_moved_says_how_to_go_on_and_does(
    tmp_path: Path, small_checkpoint: Path
) -> None:
    config = settings(tmp_path, ("s01_1", "s02_1"), small_checkpoint)
    folder = prepare(config).folder
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(UserError, match="--data"):
        prepare(folder.config(), folder)
    prepare(config.model_copy(update={"data": str(tmp_path / "moved")}), folder)
    assert prepare(folder.config(), folder).data.training


@pytest.mark.parametrize("part", ["train", "validation"])
def test_labels_that_changed_while_a_run_stood_still_are_named(
    tmp_path: Path, small_checkpoint: Path, part: str
) -> None:
    names = ("s01_1", "s02_1", "s03_1")
    config = settings(tmp_path, names, small_checkpoint).model_copy(update=FEW)
    begun = prepare(config)
    for event in recorded(begun.run, begun.folder, SCHEMA):
        if isinstance(event, EpochDone) and event.epoch == 1:
            break
    score = begun.run.best_score
    (name, *_) = getattr(begun.data.split, part)
    mask = tmp_path / "data" / "masks" / f"{name}.png"
    iio.imwrite(mask, iio.imread(mask)[::-1])

    again = prepare(config, RunFolder(begun.folder.path))
    (note,) = [each for each in again.warnings if "have changed" in each]
    assert note.startswith(f"The labels of {name} have changed since")
    assert ("chosen anew" in note) == (part == "validation")
    assert again.run.best_score == (score if part == "train" else -np.inf)
    deque(recorded(again.run, again.folder, SCHEMA), maxlen=0)
    assert part == "train" or again.run.best_epoch == 2
    third = prepare(config, RunFolder(begun.folder.path))
    assert not [each for each in third.warnings if "have changed" in each]


def test_the_report_has_micrometres_and_the_background_where_they_are_asked_for(
    tmp_path: Path, small_checkpoint: Path
) -> None:
    asked = {"spacing": 3.5, "background": True}
    config = settings(tmp_path, ("s01_1", "s02_1", "s03_1"), small_checkpoint)
    prepared = prepare(config.model_copy(update={"epochs": 1, **FEW, **asked}))
    (epoch, *_) = [
        event
        for event in recorded(prepared.run, prepared.folder, prepared.schema)
        if isinstance(event, EpochDone) and event.epoch == 1
    ]
    assert 0 in epoch.classes
    final = report_best(prepared)
    assert final is not None
    assert final.report.axial_um == 3.5
    assert final.report.classes[0].label.value == 0
    assert "3.5 µm per pixel" in prepared.folder.report.read_text("utf-8")
