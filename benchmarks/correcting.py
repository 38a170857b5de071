"""How quickly a boundary follows the mouse, and its labels the hand that lets go."""

from __future__ import annotations

import numpy as np

from benchmarks.drag import (
    HANDED,
    PAINTED,
    PAINTED_ALONE,
    RELEASED,
    TRACED,
    watch_corrections,
)
from benchmarks.fresh import call_fresh
from benchmarks.report import Findings, Table, Target
from benchmarks.run import Run
from benchmarks.wording import counted, duration

__all__ = ["TARGETS", "measure"]

_DRAG = Target(name="dragging a boundary: from the mouse to drawn, median", limit=0.016, unit="s")
_RELEASE = Target(name="dragging a boundary: writing its labels, longest", limit=0.05, unit="s")
_TRACE = Target(name="tracing a boundary: from the mouse to drawn, 95 %", limit=0.05, unit="s")

TARGETS = (_DRAG, _RELEASE, _TRACE)

_MOVES = 30


def measure(run: Run) -> Findings:
    """Drag and trace a boundary of 496 x 768 pixels in a new window."""
    drags = run.repeats(full=10, quick=2)
    found = call_fresh(watch_corrections, run.environment, drags=drags, moves=_MOVES)
    names = (HANDED, PAINTED, PAINTED_ALONE, RELEASED, TRACED)
    drawn = np.add(found[HANDED], found[PAINTED])
    table = Table(
        title="A boundary of a B-scan of 496 x 768 under the mouse",
        columns=("", "median", "95 %", "longest"),
        rows=tuple(_row(name, found[name]) for name in names),
        notes=(
            f"{counted(drags, 'drag')} of {_MOVES} moves, then a trace of {_MOVES} moves on the "
            f"image's edges; OpenGL: {found['opengl']}. What is handed to the canvas is napari's "
            "handling of the event and our part; drawing is OpenGL's.",
        ),
    )
    painted = float(np.median(found[PAINTED]))
    return Findings(
        tables=(table,),
        measured={
            _DRAG.name: float(np.median(drawn)),
            _RELEASE.name: max(found[RELEASED]),
            _TRACE.name: float(np.percentile(found[TRACED], 95)) + painted,
        },
    )


def _row(name: str, seconds: list[float]) -> tuple[str, ...]:
    middle, high = np.percentile(seconds, (50, 95))
    return name, duration(float(middle)), duration(float(high)), duration(max(seconds))
