"""Learn in the real Label widget: from the button to the first B-scan that is labelled anew.

No torch here: this is napari's process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.window import PLUGIN, close, open_viewer
from benchmarks.work_session import LoopWatch

__all__ = ["CORRECTED", "LEARNING", "TAKING", "watch_learning"]

LEARNING = "a model learns, from Learn to its end"
TAKING = "it is taken, until the first B-scan is labelled anew"
CORRECTED = 5
"""B-scans that are learnt from; every second one of the volume."""

_SETTLES = 1.0  # seconds


def watch_learning(images: str, labels: str) -> dict[str, Any]:
    """Label a volume, correct B-scans of it, and learn from them.

    Parameters
    ----------
    images, labels
        Files of (N, H, W) uint8 arrays, the labels by layers7.

    Returns
    -------
    "gaps": the seconds between ticks by phase. "seconds": how long the two phases take. "steps":
    the seconds of each step but the first. "count": of all steps. "peak": bytes of the
    process that learns.
    """
    truth = np.load(labels)
    viewer = open_viewer(np.load(images))
    viewer.dims.set_point(0, 0)
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Label")[1]
    widget.session.schema = _schema()
    watch = LoopWatch()
    watch.watch("the model loads", widget.session.ensure_model, lambda: _has_model(widget))
    watch.watch("all is labelled", widget.volume.label_all, lambda: _is_labelled(widget))
    corrected = [2 * number + 1 for number in range(CORRECTED)]
    watch.watch(
        f"{CORRECTED} B-scans are corrected",
        lambda: _correct(widget, corrected, truth),
        lambda: all(_is_corrected(widget, number) for number in corrected),
    )
    watch.linger(_SETTLES)
    steps = _Steps(widget.session.training)
    began = time.perf_counter()
    watch.watch(LEARNING, widget.learn.learn.click, lambda: not widget.learn.take.isHidden())
    learnt = time.perf_counter()
    import resource  # Windows has none; there only this part fails

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    anew: list[object] = []
    widget.volume.labeller.labelled.connect(lambda *_: anew.append(None))
    watch.watch(TAKING, widget.learn.take.click, lambda: bool(anew))
    ended = time.perf_counter()
    watch.watch("the others are labelled anew", lambda: None, lambda: _is_labelled(widget))
    assert "torch" not in sys.modules
    answer = {
        "gaps": watch.gaps,
        "seconds": {LEARNING: learnt - began, TAKING: ended - learnt},
        "steps": steps.seconds,
        "count": steps.count,
        "peak": peak if sys.platform == "darwin" else peak * 1024,
    }
    for kept in widget.volume.keeper.kept:
        kept.discard()
    close(viewer)
    return answer


class _Steps:
    """How long the steps of a training take, from what was told before each.

    Before the very first one, two steps are timed that are not told.
    """

    def __init__(self, training: Any) -> None:
        self.seconds: list[float] = []
        self.count = 0
        self._last = 0.0
        training.stepped.connect(self._note)
        training.sampled.connect(self._begin)

    def _begin(self, _samples: object) -> None:
        self._last = time.perf_counter()

    def _note(self, step: Any) -> None:
        now = time.perf_counter()
        if (step.epoch, step.step) != (1, 1):
            self.seconds.append(now - self._last)
        self._last = now
        self.count += 1


def _schema() -> Any:
    from napari_octsam.core.classes import bundled_schema

    return bundled_schema("layers7")


def _has_model(widget: Any) -> bool:
    return widget.session.model is not None


def _is_labelled(widget: Any) -> bool:
    volume = widget.volume
    return volume.target is not None and volume.labeller.run is None


def _correct(widget: Any, numbers: Sequence[int], truth: npt.NDArray[np.uint8]) -> None:
    """Change the labels of B-scans to what is right, as a person would in the end."""
    labels = widget.volume.target.labels
    for number in numbers:
        rows, cols = np.nonzero(labels.data[number] != truth[number])
        labels.data_setitem((np.full_like(rows, number), rows, cols), truth[number, rows, cols])


def _is_corrected(widget: Any, number: int) -> bool:
    return str(widget.volume.target.state((number,))) == "corrected"
