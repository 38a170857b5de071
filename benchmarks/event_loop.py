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
    name="longest event-loop gap while the engine starts, loads, encodes, decodes",
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
    gaps = {phase: [gap for life in lives for gap in life["gaps"][phase]] for phase in COUNTED}
    others = [phase for phase in lives[0]["gaps"] if phase not in COUNTED]
    alone = {phase: [gap for life in lives for gap in life["gaps"][phase]] for phase in others}
    table = Table(
        title=f"Gaps between the ticks of a timer of {duration(TICK)} in napari's event loop",
        columns=("", "counts", "lasts", "median", "99 %", "longest"),
        rows=(
            *(_row(phase, "no", found, rounds) for phase, found in alone.items()),
            *(_row(phase, "yes", found, rounds) for phase, found in gaps.items()),
        ),
        notes=(
            f"{counted(rounds, 'new window')}; OpenGL: {lives[0]['opengl']}; the widgets are the "
            "real ones, the weights vit_b's, random. What the engine is at work for counts; the "
            "other rows are napari's own work, or end in it (a layer added, a widget docked).",
        ),
    )
    longest = max(gap for found in gaps.values() for gap in found)
    return Findings(tables=(table,), measured={_GAP.name: longest})


def _row(phase: str, counts: str, gaps: list[float], rounds: int) -> tuple[str, ...]:
    middle, high = np.percentile(gaps, (50, 99))
    return (
        phase,
        counts,
        duration(sum(gaps) / rounds),
        duration(float(middle)),
        duration(float(high)),
        duration(max(gaps)),
    )
