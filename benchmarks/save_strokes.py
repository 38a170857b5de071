"""Strokes in a volume of labels, while nothing saves them and while each is saved.

No torch here: this is napari's process.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer

from benchmarks.window import close, open_viewer
from benchmarks.work_session import LoopWatch

__all__ = ["KEPT", "UNKEPT", "watch_strokes"]

UNKEPT = "strokes, and nothing saves them"
KEPT = "strokes, each saved within a second"

_EVERY = 100  # milliseconds from one stroke to the next
_SIZE = 20  # pixels of the brush


def watch_strokes(shape: tuple[int, int, int], seconds: float) -> dict[str, list[float]]:
    """Paint in labels of a volume of noise in a real window.

    Parameters
    ----------
    shape
        (B-scans, rows, columns).
    seconds
        How long in each phase.

    Returns
    -------
    The seconds between ticks of the timer, by phase.
    """
    rng = np.random.default_rng(0)
    viewer = open_viewer(rng.integers(0, 255, shape, np.uint8))
    labels = viewer.add_labels(np.zeros(shape, np.uint8))
    labels.brush_size = _SIZE
    watch, brush = LoopWatch(), _Brush(viewer, labels)
    watch.watch(UNKEPT, brush.begin, brush.has_painted(seconds))
    from napari_octsam.gui.annotations.keeper import keeper_of

    keeper = keeper_of(viewer)
    kept = keeper.of(labels)
    assert kept is not None
    watch.watch("labels are kept from now on", lambda: None, lambda: not kept.is_pending)
    watch.watch(KEPT, brush.begin, brush.has_painted(seconds))
    watch.watch("the last is saved", lambda: None, lambda: not kept.is_pending)
    assert "torch" not in sys.modules
    kept.discard()
    close(viewer)
    return {phase: watch.gaps[phase] for phase in (UNKEPT, KEPT)}


class _Brush:
    """Paints a spot a tenth of a second, on one B-scan after the other."""

    def __init__(self, viewer: Any, labels: Any) -> None:
        self._viewer, self._labels = viewer, labels
        self._rng = np.random.default_rng(1)
        self._timer = QTimer()
        self._timer.setInterval(_EVERY)
        self._timer.timeout.connect(self._paint)

    def begin(self) -> None:
        self._timer.start()

    def has_painted(self, seconds: float) -> Any:
        """Return a condition that holds once it has painted so long; then it stops."""
        until: list[float] = []

        def is_over() -> bool:
            if not until:
                until.append(time.perf_counter() + seconds)
            if time.perf_counter() > until[0]:
                self._timer.stop()
            return not self._timer.isActive()

        return is_over

    def _paint(self) -> None:
        bscans, rows, cols = self._labels.data.shape
        at = (self._viewer.dims.current_step[0], self._rng.integers(rows), self._rng.integers(cols))
        self._labels.paint(tuple(map(int, at)), int(self._rng.integers(1, 8)))
        if self._rng.random() < 0.2:
            self._viewer.dims.set_point(0, int(self._rng.integers(bscans)))
