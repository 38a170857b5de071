"""Two processes train as one does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import pytest
import torch

from napari_octsam.training.events import EpochDone
from napari_octsam.training.run.folder import RunFolder
from napari_octsam.training.run.prepare import prepare
from tests.small_runs import CONFIG, bscans, fine_tuning

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows' torch has no libuv")

CONFIG_OF_BOTH = CONFIG.model_copy(
    update={"optimizer": "sgd", "lr": 0.05, "adapts": "everything", "weight_decay": 0.1}
)
SCRIPT = """
import sys
from pathlib import Path
import torch
from napari_octsam.core.errors import UserError
from napari_octsam.training.distributed import joined
from tests.small_runs import fine_tuning
from tests.training.test_distributed import CONFIG_OF_BOTH
from tests.training.test_memory import run_with

def fail():
    raise UserError("the first one's to tell")

with joined() as workers:
    folder = Path(sys.argv[1])
    run = fine_tuning(folder, CONFIG_OF_BOTH, workers=workers)
    if workers.rank == 1:
        for parameter in run.model.network.parameters():
            parameter.data += 1  # the first one's count
    epochs = [event for event in run.run() if type(event).__name__ == "EpochDone"]
    scores = [(event.score, event.losses) for event in epochs]
    try:
        workers.from_first(fail)
    except (UserError, SystemExit) as error:
        how = type(error).__name__
    little = run_with(99 if workers.leads else 3, folder, workers)
    told = [event.sentence for event in little.run() if type(event).__name__ == "Told"]
    torch.save((run.weights(), scores, how, told), folder / f"{workers.rank}.pt")
"""


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


def torchrun(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, cwd=cwd, timeout=150
    )


def write_run(folder: Path, base: Path, epochs: int) -> None:
    """Write data and settings."""
    for name, bscan in zip(("s01_1", "s02_1", "s03_1"), bscans(3), strict=True):
        for part, pixels in (("images", bscan.image), ("masks", bscan.labels)):
            (folder / "data" / part).mkdir(parents=True, exist_ok=True)
            iio.imwrite(folder / "data" / part / f"{name}.png", pixels)
    settings = {"data": "data", "out": "runs", "label_schema": "layers7", "device": "cpu"}
    settings |= {"base_model": str(base), "epochs": epochs, "objects": 1, "augment": False}
    (folder / "run.json").write_text(json.dumps(settings))


def test_two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = torchrun(script, tmp_path)
    assert done.returncode == 0, done.stderr

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


def test_torchrun_writes_one_run(tmp_path: Path, tiny_checkpoint: Path) -> None:
    write_run(tmp_path, tiny_checkpoint, epochs=1)
    done = torchrun("-m", "napari_octsam", "train", "run.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs").glob("*-*")
    assert (folder / "report.html").is_file()
    assert not (folder / "embeddings").exists()
    assert done.stdout.count("Wrote") == 1


def together(folder: Path) -> list[subprocess.Popen[str]]:
    """Return two processes of a run, each with an output of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "napari_octsam", "train", "run.json"],
            stderr=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, **shared, "RANK": rank, "LOCAL_RANK": rank, "COLUMNS": "400"},
            cwd=folder,
        )
        for rank in "01"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
@pytest.mark.parametrize("fault", ["a full disk", "a killed process"])
def test_where_one_process_ends_the_others_end_without_a_traceback(
    tmp_path: Path, tiny_checkpoint: Path, fault: str
) -> None:
    import resource

    write_run(tmp_path, tiny_checkpoint, epochs=500)
    first, second = together(tmp_path)
    assert first.stderr is not None
    assert second.stderr is not None
    for line in first.stderr:
        if line.startswith("Epoch 1:"):
            break
    if fault == "a full disk":
        resource.prlimit(first.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
    else:
        second.kill()
    told, others = first.stderr.read(), second.stderr.read()
    codes = first.wait(60), second.wait(60)
    first.stderr.close()
    second.stderr.close()
    assert "Traceback" not in told + others
    if fault == "a full disk":
        assert codes == (1, 1)
        assert "File too large" in told
        assert "Another process" not in told
    else:
        assert codes[0] == 1
        assert "Another process of this run has ended" in told


def test_ctrl_c_ends_all_processes_after_the_step_with_the_state_saved(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    write_run(tmp_path, tiny_checkpoint, epochs=500)
    process = subprocess.Popen(
        [*TORCHRUN, "-m", "napari_octsam", "train", "run.json"],
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        cwd=tmp_path,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Epoch 1:"):
            break
    pressed = time.time_ns()
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    process.wait(60)
    process.stderr.close()

    (folder,) = (tmp_path / "runs").glob("*-*")
    assert (folder / "last.pt").stat().st_mtime_ns > pressed
    assert said.count(f"To go on: octsam train --resume {folder}") == 1
    assert said.count("Stopped.") == 1
    assert "forcefully" not in said
    assert prepare(RunFolder(folder).config(), RunFolder(folder)).run.epoch >= 1
