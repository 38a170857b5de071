"""The parts of the benchmark, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    correcting,
    decode,
    encode,
    event_loop,
    first_mask,
    labelling,
    learning,
    saving,
    stopping,
    topology,
    training,
    widgets,
)
from benchmarks.fresh import call_fresh
from benchmarks.report import Findings, Target
from benchmarks.run import Run

__all__ = ["PARTS", "Part", "run_part"]


@dataclass(frozen=True, slots=True)
class Part:
    """What measures, and what it is held against."""

    measure: Callable[[Run], Findings]
    targets: tuple[Target, ...]


PARTS = {
    "encode": Part(encode.measure, encode.TARGETS),
    "decode": Part(decode.measure, decode.TARGETS),
    "first-mask": Part(first_mask.measure, first_mask.TARGETS),
    "labelling": Part(labelling.measure, labelling.TARGETS),
    "correcting": Part(correcting.measure, correcting.TARGETS),
    "widgets": Part(widgets.measure, widgets.TARGETS),
    "saving": Part(saving.measure, saving.TARGETS),
    "topology": Part(topology.measure, topology.TARGETS),
    "training": Part(training.measure, training.TARGETS),
    "stopping": Part(stopping.measure, stopping.TARGETS),
    "learning": Part(learning.measure, learning.TARGETS),
    "event-loop": Part(event_loop.measure, event_loop.TARGETS),
}


def run_part(name: str, run: Run) -> Findings:
    """Run a part in a process of its own.

    Raises
    ------
    FreshProcessFailed
        It did not come to its end.
    """
    answer = call_fresh(
        measure_here, run.environment, name=name, folder=str(run.folder), quick=run.quick
    )
    return Findings.model_validate(answer)


def measure_here(name: str, folder: str, quick: bool) -> Findings:
    """Run a part in this process."""
    return PARTS[name].measure(Run(Path(folder), quick))
