"""What is promised, how often it was tried to break it, and how often that worked.

`python -m benchmarks.faults` takes some minutes; `--quick` tries each promise a few times.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.markdown import grid
from benchmarks.mutations import COMMANDS, make_files, try_command
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.data.pictures import write_labels
from napari_octsam.engine.errors import EngineDied
from napari_octsam.engine.predict.client import EngineClient
from napari_octsam.engine.predict.messages import BScan, Decode, LoadModel
from napari_octsam.models.checkpoints.load import read_checkpoint
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.embeddings import EmbeddingCache, EmbeddingForm
from napari_octsam.models.header import Header
from napari_octsam.models.network import Embedding
from napari_octsam.models.tiny.network import TinyNetwork

__all__ = ["PROMISES", "Promise", "main"]

_LOST_SECONDS = 1.0  # of a killed napari; see docs/annotations.md

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised, and what tries to break it: it yields what was lost each time, or ""."""

    text: str
    count: int
    tries: Callable[[Path, int], Iterator[str]]


def _kill_napari(folder: Path, count: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.killing", str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    lost = [float(line.split()[1]) for line in done.stdout.splitlines() if line[:5] == "lost "]
    yield from ("" if each < _LOST_SECONDS else f"{each:.1f} s of edits" for each in lost)
    yield from (done.stderr.strip()[-200:] for _ in range(count - len(lost)))


def _kill_engine(folder: Path, count: int) -> Iterator[str]:
    rng = np.random.default_rng(0)
    model = _checkpoint(folder)
    bscan = BScan(rng.integers(0, 256, (96, 128), np.uint8))
    ask = Decode(bscan, (Prompt(1, Box(9, 9, 60, 60)),))
    engine = EngineClient(folder / "home")
    engine.submit(LoadModel(str(model), device="cpu")).result(300)
    wanted: Any = engine.submit(ask).result(300)
    for _ in range(count):
        answer = engine.submit(ask)
        time.sleep(float(rng.uniform(0, 0.05)))
        if engine.pid is not None:
            os.kill(engine.pid, signal.SIGKILL)
        try:
            answer.result(300)
        except EngineDied:
            answer = engine.submit(ask)
        found: Any = answer.result(300)
        same = found.objects[0].scores == wanted.objects[0].scores
        yield "" if same else "another mask than before"
    engine.shutdown()


def _kill_training(folder: Path, count: int) -> Iterator[str]:
    rng = np.random.default_rng(0)
    octsam = [sys.executable, "-m", "napari_octsam"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    data = folder / "data"
    subprocess.run([*octsam, "phantoms", str(data), "--count", "6", "--rows", "128"], **quiet)
    options = ["--epochs", "3", "--objects", "4", "--topology", "none", "--device", "cpu"]
    for i in range(count):
        out = folder / str(i)
        first = subprocess.Popen(
            [*octsam, "train", str(data), "--out", str(out), *options], **quiet
        )
        while first.poll() is None and not list(out.glob("*/last.pt")):
            time.sleep(0.05)
        time.sleep(float(rng.uniform(0, 3)))
        first.kill()
        first.communicate()
        run = next(out.glob("*/last.pt")).parent
        again = subprocess.run([*octsam, "train", "--resume", str(run)], text=True, **quiet)
        yield "" if again.returncode == 0 else again.stderr.strip()[-200:]


def _change_inputs(folder: Path, count: int) -> Iterator[str]:
    rng = np.random.default_rng(0)
    home = Path.cwd()
    make_files(folder, _checkpoint(folder))
    os.chdir(folder)
    try:
        for i in range(count):
            name = list(COMMANDS)[i % len(COMMANDS)]
            yield "; ".join(f"{name}: {fault}" for fault in try_command(folder, name, rng).faults)
    finally:
        os.chdir(home)


def _change_checkpoints(folder: Path, count: int) -> Iterator[str]:
    rng = np.random.default_rng(0)
    state = TinyNetwork().state_dict()
    paths = [_checkpoint(folder), folder / "new.pth", folder / "old.pth"]
    torch.save(state, paths[1])
    torch.save(state, paths[2], _use_new_zipfile_serialization=False)
    for i in range(count):
        path = paths[i % len(paths)]
        at = int(rng.integers(path.stat().st_size))
        with _changed(path, at, int(rng.integers(1, 256))):
            try:
                read_checkpoint(path)
                yield ""
            except UserError:
                yield ""
            except Exception as error:  # what this counts
                yield f"{path.name}, byte {at}: {error!r}"


def _change_cache(folder: Path, count: int) -> Iterator[str]:
    rng = np.random.default_rng(0)
    cache = EmbeddingCache(folder / "embeddings", 1 << 30)
    embedding = Embedding({"image": torch.rand(1, 8, 16, 16)}, (96, 128))
    form = EmbeddingForm({"image": (1, 8, 16, 16)}, (96, 128))
    for i in range(count):
        key = f"{i:032x}"
        cache.put(key, embedding)
        (path,) = (folder / "embeddings").glob(f"{key}*")
        at = int(rng.integers(path.stat().st_size))
        with _changed(path, at, int(rng.integers(1, 256))):
            found = cache.get(key, form)
        same = found is None or torch.equal(found.features["image"], embedding.features["image"])
        yield "" if same else f"byte {at}: other features are taken for right"


def _fill_disk(folder: Path, count: int) -> Iterator[str]:
    import resource

    path = folder / "labels.npy"
    before, after = np.zeros((64, 64), np.uint8), np.ones((256, 256), np.uint8)
    write_labels(path, before)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for i in range(count):
        room = (i + 1) * after.nbytes // (count + 1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            write_labels(path, after)
            yield "it is said to be written"
        except UserError:
            whole = np.array_equal(np.load(path), before)
            yield "" if whole and len(list(folder.iterdir())) == 1 else "the file from before"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)


PROMISES = {
    "napari": Promise("A killed napari loses no labels but those of a moment", 50, _kill_napari),
    "engine": Promise(
        "A killed engine costs nothing: the next answer is as before", 100, _kill_engine
    ),
    "training": Promise("A killed training goes on to its end", 10, _kill_training),
    "inputs": Promise(
        "A changed file: exit code, a sentence, nothing half-written", 400, _change_inputs
    ),
    "checkpoints": Promise(
        "A changed byte in a checkpoint gives no traceback", 200, _change_checkpoints
    ),
    "cache": Promise("A changed byte in the cache gives no wrong embedding", 200, _change_cache),
    "disk": Promise("A full disk leaves the file from before", 100, _fill_disk),
}


@app.command()
def main(
    only: Annotated[
        list[str] | None, typer.Option(help=f"Try this; may be repeated: {', '.join(PROMISES)}.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the tries.")] = False,
) -> None:
    """Try to break what is promised, and print a table; exit code 1 where something was lost."""
    logging.getLogger("napari_octsam").setLevel(logging.ERROR)  # not of each file that is deleted
    rows, broken = [], False
    for name in only or list(PROMISES):
        promise = PROMISES[name]
        count = max(promise.count // 10, 1) if quick else promise.count
        with tempfile.TemporaryDirectory(prefix="octsam-faults-") as folder:
            lost = list(promise.tries(Path(folder), count))
        failures = [each for each in lost if each]
        for each in failures[:5]:
            typer.echo(f"{name}: {each}", err=True)
        broken |= bool(failures)
        rows.append((promise.text, str(len(lost)), str(len(failures))))
    typer.echo(grid(("Promise", "Tries", "Failures"), rows))
    raise typer.Exit(code=broken)


@contextmanager
def _changed(path: Path, at: int, by: int) -> Iterator[None]:
    """Let one byte of a file be another one while the block runs."""
    whole = path.read_bytes()
    content = bytearray(whole)
    content[at] ^= by
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(whole)


def _checkpoint(folder: Path) -> Path:
    torch.manual_seed(0)
    path = folder / "tiny.safetensors"
    header = Header(name="tiny", architecture="octsam-tiny", profile="octsam-tiny")
    save_checkpoint(path, TinyNetwork(), header)
    return path


if __name__ == "__main__":
    app()
