"""How long napari's event loop stands still while the engine works."""

from __future__ import annotations

import numpy as np

from benchmarks.fresh import call_fresh
from benchmarks.peer import random_vit_b
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.wording import counted, duration
from benchmarks.work_session import COUNTED, TICK, watch_work

__all__ = ["TARGETS", "measure"]

_GAP = Target(
    name="longest event-loop gap while the engine starts, loads, encodes, decodes, trains",
    limit=0.1,
    unit="s",
)

TARGETS = (_GAP,)


def measure(run: Run) -> Findings:
    """Watch a timer in napari's event loop while a person would work with vit_b."""
    checkpoint = random_vit_b(run)
    rounds = run.repeats(full=3, quick=1)
    lives = [
        call_fresh(watch_work, run.environment, checkpoint=str(checkpoint)) for _ in range(rounds)
    ]
    counted_in = {phase: "yes" if phase in COUNTED else "no" for phase in lives[0]["gaps"]}
    gaps = {phase: [life["gaps"][phase] for life in lives] for phase in counted_in}
    table = Table(
        title=f"Gaps between the ticks of a timer of {duration(TICK)} in napari's event loop",
        columns=("", "counts", "lasts", "median", "99 %", "longest", "begins after"),
        rows=tuple(_row(phase, counts, gaps[phase]) for phase, counts in counted_in.items()),
        notes=(
            f"{counted(rounds, 'new window')}; OpenGL: {lives[0]['opengl']}; the widgets are the "
            "real ones, the weights vit_b's, random. What the engine is at work for counts; the "
            "other rows are napari's own work, or end in it (a layer added, a widget docked).",
        ),
    )
    longest = max(max(life) for phase in COUNTED for life in gaps[phase])
    return Findings(tables=(table,), measured={_GAP.name: longest})


def _row(phase: str, counts: str, lives: list[list[float]]) -> tuple[str, ...]:
    """Return a phase's row; each life is the gaps of one window, in their order."""
    middle, high = np.percentile(np.concatenate(lives), (50, 99))
    worst = max(lives, key=max)
    before = sum(worst[: worst.index(max(worst))])
    return (
        phase,
        counts,
        duration(sum(map(sum, lives)) / len(lives)),
        duration(float(middle)),
        duration(float(high)),
        duration(max(worst)),
        duration(before),
    )
