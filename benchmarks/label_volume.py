"""A volume labelled by the real Label widget, twice, with a timer that notes what stands still.

No torch here: this is napari's process.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import dask.array
import numpy as np
import psutil

from benchmarks.window import PLUGIN, close, open_viewer
from benchmarks.work_session import LoopWatch

__all__ = ["AGAIN", "EARLY", "FIRST", "SHOWN", "watch_labelling"]

SHOWN = "the B-scan that is shown"
FIRST = "all, for the first time"
AGAIN = "all again"
EARLY = 20
"""B-scans after which the engine's memory is looked at first."""

_SETTLES = 1.0  # seconds


def watch_labelling(volume: str) -> dict[str, Any]:
    """Label a volume in a .npy file that stays on the disk.

    Returns
    -------
    "gaps": the seconds between ticks by phase. "seconds": from the click to the last label.
    "engine", "napari": bytes after `EARLY` B-scans and the most of all.
    """
    pixels = np.load(volume, mmap_mode="r")
    lazily: Any = dask.array.from_array  # which says no types
    viewer = open_viewer(lazily(pixels, chunks=(1, *pixels.shape[1:])))
    viewer.dims.set_point(0, len(pixels) // 2)
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Label")[1]
    widget.session.schema = _schema()
    watch, seconds = LoopWatch(), {}
    watch.watch("the model loads", widget.session.ensure_model, lambda: _has_model(widget))
    watch.linger(_SETTLES)
    seconds[SHOWN] = _timed(watch, SHOWN, widget.volume.label_this, widget, 1)
    memory = _Memory(widget)
    seconds[FIRST] = _timed(watch, FIRST, lambda: _label_all(widget), widget, len(pixels))
    watch.linger(_SETTLES)
    seconds[AGAIN] = _timed(watch, AGAIN, lambda: _label_all(widget), widget, len(pixels))
    assert "torch" not in sys.modules
    answer = {"gaps": watch.gaps, "seconds": seconds, **memory.found}
    for kept in widget.volume.keeper.kept:
        kept.discard()
    close(viewer)
    return answer


def _schema() -> Any:
    from napari_octsam.core.classes import bundled_schema

    return bundled_schema("layers7")


def _has_model(widget: Any) -> bool:
    return widget.session.model is not None


def _label_all(widget: Any) -> None:
    from napari_octsam.core.automatic import Present

    widget.volume.label_all()
    widget.volume.answer(Present.REPLACE)


def _timed(watch: LoopWatch, phase: str, click: Any, widget: Any, count: int) -> float:
    """Watch a labelling, and return the seconds from the click until the last label is written."""
    labelled: list[object] = []
    labeller = widget.volume.labeller

    def note(*_: object) -> None:
        labelled.append(None)

    labeller.labelled.connect(note)
    started = time.perf_counter()
    watch.watch(phase, click, lambda: len(labelled) == count and labeller.run is None)
    labeller.labelled.disconnect(note)
    return time.perf_counter() - started


class _Memory:
    """The memory of both processes, looked at whenever a B-scan is labelled."""

    def __init__(self, widget: Any) -> None:
        self.found: dict[str, list[int]] = {"engine": [0, 0], "napari": [0, 0]}
        self._processes = {
            "engine": psutil.Process(widget.session.engine.pid),
            "napari": psutil.Process(),
        }
        self._count = 0
        widget.volume.labeller.labelled.connect(self._look)

    def _look(self, *_: object) -> None:
        self._count += 1
        for name, process in self._processes.items():
            used = process.memory_info().rss
            early, most = self.found[name]
            self.found[name] = [
                max(early, used) if self._count <= EARLY else early,
                max(most, used),
            ]
