"""From a closed engine to the first mask."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import CLASS, TINY, box_prompts, sample_bscan
from benchmarks.timing import Spread, in_turn, timed
from benchmarks.wording import counted, duration_spread
from napari_octsam.core.masks import composite
from napari_octsam.engine.predict.client import EngineClient
from napari_octsam.engine.predict.messages import Decode, LoadModel, Prediction

__all__ = ["TARGETS", "measure"]

TARGETS: tuple[Target, ...] = ()


def measure(run: Run) -> Findings:
    """Start an engine, load octsam-tiny, encode and decode, several times over."""
    rounds = run.repeats(full=5, quick=2)
    python = in_turn({"": timed(_start_python)}, rounds)[""]
    lives = [_time_life(run.folder / f"engine-{i}") for i in range(rounds)]
    taken = {name: [life[name] for life in lives] for name in lives[0]}
    rows = [(name, duration_spread(Spread.of(seconds))) for name, seconds in taken.items()]
    rows.insert(1, ("of that, Python by itself", duration_spread(Spread.of(python))))
    table = Table(
        title="From a closed engine to the first mask (octsam-tiny)",
        columns=("", "time"),
        rows=tuple(rows),
        notes=(
            f"{counted(rounds, 'new engine')}, no embedding on the disk; "
            "the files are in the system's memory.",
        ),
    )
    return Findings(tables=(table,))


def _time_life(folder: Path) -> dict[str, float]:
    """Return the seconds of each part of an engine's life up to the first mask, and of all."""
    bscan = sample_bscan()
    request = Decode(bscan, box_prompts(bscan.pixels.shape, 1))
    client = EngineClient(folder)
    reached: dict[str, float] = {}

    def note(moment: str) -> None:
        reached.setdefault(moment, time.perf_counter())

    client.state_changed.connect(note)
    started = time.perf_counter()
    loading = client.submit(LoadModel(TINY, device="cpu"))
    loading.add_done_callback(lambda _: note("loaded"))
    prediction: Prediction = client.submit(request).result()
    found = prediction.objects[0]
    composite(prediction.shape, [(CLASS, found.window())])
    whole = time.perf_counter() - started
    client.shutdown()
    parts = {
        "the process starts and imports torch": reached["idle"] - started,
        "the model loads": reached["loaded"] - reached["idle"],
        "the B-scan is encoded": prediction.encode_seconds,
        "the box is decoded": prediction.decode_seconds,
    }
    return {**parts, "the rest": whole - sum(parts.values()), "in all": whole}


def _start_python() -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)
