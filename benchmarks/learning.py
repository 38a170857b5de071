"""How long a step of learning takes, and what a minute of it takes as a whole."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.fresh import call_fresh
from benchmarks.learn_session import CORRECTED, LEARNING, TAKING, watch_learning
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.samples import TINY
from benchmarks.timing import Spread
from benchmarks.wording import counted, duration, duration_spread
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.config import TopologyKind, TrainConfig
from napari_octsam.core.images import times
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.phantoms.bscan import make_phantom
from napari_octsam.training.events import StepDone, StepPart
from napari_octsam.training.loop import FineTuning

__all__ = ["TARGETS", "measure"]

_BSCANS, _SHAPE = 2 * CORRECTED + 1, (496, 512)
_MEMORY_LIMIT = 2 << 30

_OUTSIDE = Target(name="a minute of learning: its time outside of the steps / all", limit=0.25)
_GAP = Target(name="longest event-loop gap while a model learns", limit=0.05, unit="s")
_MEMORY = Target(name="the learning process's most memory / 2 GiB", limit=1.0)

TARGETS = (_OUTSIDE, _GAP, _MEMORY)


def measure(run: Run) -> Findings:
    """Take steps by themselves, then press Learn in a window."""
    whole, measured = _minute(run)
    return Findings(tables=(_steps(run), whole), measured=measured)


def _steps(run: Run) -> Table:
    count = run.repeats(full=20, quick=3)
    rows = []
    losses: dict[str, TopologyKind] = {
        "names and 4 prompts": "none",
        "with the topology loss": "spatial",
    }
    for name, topology in losses.items():
        taken = call_fresh(time_steps, run.environment, topology=topology, steps=count)
        rows.append((name, duration_spread(Spread.of(taken))))
    return Table(
        title=f"A step of {TINY}, all of which learns",
        columns=("", "time"),
        rows=tuple(rows),
        notes=(f"{counted(count, 'step')} after the first, a B-scan of {times(_SHAPE)} each.",),
    )


def time_steps(topology: TopologyKind, steps: int) -> list[float]:
    """Return the seconds of each step but the first."""
    config = TrainConfig(steps=steps + 1, topology=topology, topology_warmup_epochs=0)
    bscans = [_labelled(seed) for seed in range(2)]
    taken = []
    with TemporaryDirectory() as folder:
        model = load_model(TINY, device="cpu")
        run = FineTuning(model, bscans, [], bundled_schema("layers7"), config, Path(folder))
        begun = time.perf_counter()
        for event in run.run():
            if isinstance(event, StepPart):
                continue
            if isinstance(event, StepDone):
                taken.append(time.perf_counter() - begun)
            begun = time.perf_counter()
    return taken[1:]


def _labelled(seed: int) -> LabelledBScan:
    phantom = make_phantom(seed, _SHAPE)
    return LabelledBScan(f"phantom {seed}", phantom.image, phantom.layers)


def _minute(run: Run) -> tuple[Table, dict[str, float]]:
    phantoms = [make_phantom(seed, _SHAPE) for seed in range(_BSCANS)]
    paths = {name: run.folder / f"{name}.npy" for name in ("images", "labels")}
    np.save(paths["images"], np.stack([each.image for each in phantoms]))
    np.save(paths["labels"], np.stack([each.layers for each in phantoms]))
    files = {name: str(path) for name, path in paths.items()}
    found = call_fresh(watch_learning, run.environment, **files)
    gaps, seconds = found["gaps"], found["seconds"]
    in_steps = median(found["steps"] or [0.0]) * found["count"]
    whole = sum(seconds.values())
    rows = (
        (LEARNING, duration(seconds[LEARNING]), duration(max(gaps[LEARNING]))),
        (f"of that, {counted(found['count'], 'step')}", duration(in_steps), ""),
        (TAKING, duration(seconds[TAKING]), duration(max(gaps[TAKING]))),
    )
    table = Table(
        title="A minute of learning, from the button to the first B-scan labelled anew",
        columns=("", "lasts", "longest gap"),
        rows=rows,
        notes=(
            f"One new window, the real widget, {TINY}; {CORRECTED} of {_BSCANS} B-scans of "
            f"{times(_SHAPE)} are corrected. The steps are as many as there were, each of the "
            "median time; outside of them are the start of the process, the copy of the data, "
            "encoding, validation, the report, and what is taken. Most "
            f"memory of the process that learns: {found['peak'] / 1e6:.0f} MB.",
        ),
    )
    return table, {
        _OUTSIDE.name: 1 - in_steps / whole,
        _GAP.name: max(*gaps[LEARNING], *gaps[TAKING]),
        _MEMORY.name: found["peak"] / _MEMORY_LIMIT,
    }
