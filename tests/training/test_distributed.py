"""Two processes train as one does."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from napari_octsam.core.errors import UserError
from napari_octsam.training.distributed import joined
from napari_octsam.training.events import EpochDone, Told
from napari_octsam.training.run.folder import RunFolder
from napari_octsam.training.run.prepare import prepare
from tests.running import Running, forked, real
from tests.small_runs import CONFIG, FEW, bscans, fine_tuning, small_octsam
from tests.training.test_memory import run_with

TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "napari_octsam"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows' torch has no libuv")

CONFIG_OF_BOTH = CONFIG.model_copy(
    update={"optimizer": "sgd", "lr": 0.05, "adapts": "everything", "weight_decay": 0.1}
)
ALIKE = {"OMP_NUM_THREADS": "1", "COLUMNS": "400"}


def fail() -> None:
    raise UserError("the first one's to tell")


def take_part(folder: Path) -> None:
    """Train as one of two, and write down what came of it."""
    with joined() as workers:
        run = fine_tuning(folder, CONFIG_OF_BOTH, workers=workers)
        if workers.rank == 1:
            for parameter in run.model.network.parameters():
                parameter.data += 1  # the first one's count
        epochs = [event for event in run.run() if isinstance(event, EpochDone)]
        scores = [(event.score, event.losses) for event in epochs]
        try:
            workers.from_first(fail)
        except (UserError, SystemExit) as error:
            how = type(error).__name__
        little = run_with(99 if workers.leads else 3, folder, workers)
        told = [event.sentence for event in little.run() if isinstance(event, Told)]
        torch.save((run.weights(), scores, how, told), folder / f"{workers.rank}.pt")


def together(
    function: Callable[..., object], *arguments: object, folder: Path
) -> tuple[Running, Running]:
    """Call a function in two processes of a run, as torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = ALIKE | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    first, second = (
        forked(function, *arguments, folder=folder, **shared, RANK=rank, LOCAL_RANK=rank)
        for rank in "01"
    )
    return first, second


def write_run(folder: Path, base: Path, epochs: int) -> None:
    """Write data and settings."""
    for name, bscan in zip(("s01_1", "s02_1", "s03_1"), bscans(3), strict=True):
        for part, pixels in (("images", bscan.image), ("masks", bscan.labels)):
            (folder / "data" / part).mkdir(parents=True, exist_ok=True)
            iio.imwrite(folder / "data" / part / f"{name}.png", pixels)
    settings = {"data": "data", "out": "runs", "label_schema": "layers7", "device": "cpu"}
    settings |= {"base_model": str(base), "epochs": epochs, **FEW}
    (folder / "run.json").write_text(json.dumps(settings))


@pytest.mark.slow("three trainings; the first to fork waits until torch is there to fork from")
def test_two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    for process in together(take_part, tmp_path, folder=tmp_path):
        code, said = process.end()
        assert code == 0, said

    run = fine_tuning(tmp_path / "one", CONFIG_OF_BOTH)
    before = run.weights()
    epochs = [event for event in run.run() if isinstance(event, EpochDone)]
    for rank, leaves in enumerate(["UserError", "SystemExit"]):
        weights, scores, how, told = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for name, weight in run.weights().items():
            moved = (weight - before[name]).abs().max()
            assert (weight - weights[name]).abs().max() <= 2e-3 * moved + 1e-6, name
        for epoch, (score, losses) in zip(epochs, scores, strict=True):
            assert score == pytest.approx(epoch.score, abs=1e-3)
            assert losses == pytest.approx(epoch.losses, rel=1e-3)
        assert how == leaves
        assert [sentence[:16] for sentence in told] == ["Memory ran out: "], "of the second's"


def test_two_processes_write_one_run(tmp_path: Path, small_checkpoint: Path) -> None:
    write_run(tmp_path, small_checkpoint, epochs=1)
    both = together(small_octsam, "train", "run.json", folder=tmp_path)
    (code, said), (other_code, others) = (process.end() for process in both)
    assert (code, other_code) == (0, 0), said + others
    (folder,) = (tmp_path / "runs").glob("*-*")
    assert (folder / "report.html").is_file()
    assert not (folder / "embeddings").exists()
    assert (said + others).count("Wrote") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
@pytest.mark.parametrize("fault", ["a full disk", "a killed process"])
def test_where_one_process_ends_the_others_end_without_a_traceback(
    tmp_path: Path, small_checkpoint: Path, fault: str
) -> None:
    import resource

    write_run(tmp_path, small_checkpoint, epochs=500)
    first, second = together(small_octsam, "train", "run.json", folder=tmp_path)
    first.until("Epoch 1:")
    if fault == "a full disk":
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    else:
        second.kill()
    (code, told), (other_code, others) = first.end(), second.end()
    assert "Traceback" not in told + others
    if fault == "a full disk":
        assert (code, other_code) == (1, 1)
        assert "File too large" in told
        assert "Another process" not in told
    else:
        assert code == 1
        assert "Another process of this run has ended" in told


@pytest.mark.slow("torchrun itself, and its two processes, import torch and train")
def test_ctrl_c_ends_all_of_torchruns_processes_after_the_step_with_the_state_saved(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_run(tmp_path, tiny_checkpoint, epochs=500)
    process = real(*TORCHRUN, "train", "run.json", folder=tmp_path, **ALIKE)
    process.until("Epoch 1:")
    pressed = time.time_ns()
    process.send(signal.SIGINT)
    _, said = process.end()

    (folder,) = (tmp_path / "runs").glob("*-*")
    assert (folder / "last.pt").stat().st_mtime_ns > pressed
    assert said.count(f"To go on: octsam train --resume {folder}") == 1
    assert said.count("Stopped.") == 1
    assert "forcefully" not in said
    assert prepare(RunFolder(folder).config(), RunFolder(folder)).run.epoch >= 1
