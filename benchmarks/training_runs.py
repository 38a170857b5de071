"""Fine-tuning runs to be timed, each in a process of its own: ours, and the original project's."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from benchmarks.module_clock import clocked
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.config import TopologyKind, TrainConfig
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.phantoms.bscan import make_phantom
from napari_octsam.topology.losses import TopologyLoss
from napari_octsam.training.events import Encoded, EpochDone, StepDone, StepPart
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.prompts.components import component_objects
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = [
    "BSCANS",
    "SHAPE",
    "Taken",
    "count_objects",
    "draw_samples",
    "phantoms",
    "run_ours",
    "run_theirs",
    "settings",
    "time_topology",
]

SHAPE = (496, 512)
"""Rows and columns of the original project's B-scans."""

BSCANS = 2
"""In an epoch; as many as in a step, as the original has it."""

_SCHEMA = bundled_schema("layers7")


class Taken(BaseModel):
    """What a run took.

    Parameters
    ----------
    encoding
        Seconds before the first step.
    epochs
        Seconds of each epoch.
    peak
        Most bytes of the whole process.
    """

    encoding: float
    epochs: list[float]
    peak: int


def run_ours(checkpoint: str, epochs: int, augment: bool = False) -> Taken:
    """Fine-tune with our loop."""
    encoding, each = 0.0, []
    with TemporaryDirectory() as folder:
        config = settings(epochs, "spatial", augment=augment)
        events = _fine_tuning(checkpoint, config, Path(folder)).run()
        started = time.perf_counter()
        for event in events:
            if isinstance(event, StepPart | StepDone):
                continue
            seconds = time.perf_counter() - started
            if isinstance(event, Encoded):
                encoding += seconds
            elif isinstance(event, EpochDone):
                each.append(seconds)
            started = time.perf_counter()
    return Taken(encoding=encoding, epochs=each, peak=_peak())


def run_theirs(checkpoint: str, epochs: int) -> Taken:
    """Fine-tune with the original's loop: the same B-scans and prompts."""
    from benchmarks.oracles.original_training import OriginalTraining, Sample

    training = OriginalTraining(Path(checkpoint))
    each = []
    for epoch in range(epochs):
        samples = [Sample(*sample) for sample in draw_samples(epoch)]
        started = time.perf_counter()
        training.step(samples)
        each.append(time.perf_counter() - started)
    return Taken(encoding=0.0, epochs=each, peak=_peak())


def time_topology(checkpoint: str, steps: int) -> list[tuple[float, float]]:
    """Return the seconds of each step but the first, and those of them in the topology loss."""
    taken = []
    with TemporaryDirectory() as folder, clocked(TopologyLoss) as clock:
        config = settings(steps + 1, "spatial")
        started = time.perf_counter()
        for event in _fine_tuning(checkpoint, config, Path(folder)).run():
            if isinstance(event, StepPart):
                continue
            if isinstance(event, StepDone):
                taken.append((time.perf_counter() - started, clock.seconds))
            started, clock.seconds = time.perf_counter(), 0.0
    return taken[1:]


def count_objects() -> int:
    """Return in how many objects the B-scans' labels fall."""
    return sum(len(objects) for _, objects in draw_samples(0))


def phantoms() -> list[LabelledBScan]:
    """Return the B-scans to learn from."""
    made = [make_phantom(seed, SHAPE) for seed in range(BSCANS)]
    return [LabelledBScan(f"phantom {i}", p.image, p.layers) for i, p in enumerate(made)]


def settings(epochs: int, topology: TopologyKind, *, augment: bool = False) -> TrainConfig:
    """Return the settings of our runs: one step an epoch."""
    return TrainConfig(
        adapts="decoder",
        epochs=epochs,
        batch_size=BSCANS,
        objects=16,
        lr=1e-4,
        prompt="boxes",
        topology=topology,
        topology_warmup_epochs=0,
        augment=augment,
        shuffle=False,
    )


def draw_samples(epoch: int) -> Iterator[tuple[npt.NDArray[np.uint8], list[SimulatedObject]]]:
    """Draw the objects of an epoch as `FineTuning` does."""
    config = settings(1, "none")
    random = np.random.default_rng((config.seed, epoch, 0))
    values = [each.value for each in _SCHEMA.foreground]
    for bscan in phantoms():
        yield bscan.image, component_objects(bscan.labels, values, config, random)


def _fine_tuning(checkpoint: str, config: TrainConfig, folder: Path) -> FineTuning:
    return FineTuning(load_model(checkpoint, device="cpu"), phantoms(), [], _SCHEMA, config, folder)


def _peak() -> int:
    """Return the most memory that this process has had, in bytes."""
    import resource  # Windows has none; there only this part fails

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
