"""A piece of work in napari, done by the real widgets, with a timer that notes what stands still.

No torch here: this is napari's process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer

from benchmarks.samples import TINY, box_prompts, sample_bscan, write_pairs
from benchmarks.window import PLUGIN, close, open_viewer, renderer

__all__ = ["COUNTED", "TICK", "LoopWatch", "watch_work"]

TICK = 0.01
"""Seconds between the ticks of the timer."""

_BOXES = 14
_TRAINED = 6  # B-scans
_PATIENCE = 600.0  # seconds for a phase on a slow machine
_LINGER = 0.3  # seconds: what an answer sets off belongs to its phase

_LOADING = "the engine starts and loads"
_ENCODING = "it encodes"
_DECODING = f"it decodes, {_BOXES} boxes drawn one by one"

_TRAINING = "a training, from Train to its report"

COUNTED = (_LOADING, _ENCODING, _DECODING, _TRAINING)
"""The phases that the target is about."""


class LoopWatch:
    """A timer in Qt's event loop, and the gaps between its ticks in each phase of the work."""

    def __init__(self) -> None:
        self.gaps: dict[str, list[float]] = {}
        self._loop = QEventLoop()
        self._phase = ""
        self._last = self._deadline = 0.0
        self._is_over: Callable[[], bool] = lambda: True
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(TICK * 1000))
        self._timer.timeout.connect(self._tick)

    def watch(self, phase: str, action: Callable[[], object], is_over: Callable[[], bool]) -> None:
        """Do something within the event loop and watch it until `is_over` is true.

        Raises
        ------
        TimeoutError
            It is not over in the end.
        """
        self._phase, self._is_over = phase, is_over
        self._deadline = time.perf_counter() + _PATIENCE
        QTimer.singleShot(0, action)
        self._last = time.perf_counter()
        self._timer.start()
        self._loop.exec()
        self._timer.stop()
        if time.perf_counter() > self._deadline:
            raise TimeoutError(f"Not over after {_PATIENCE:.0f} s: {phase}")

    def linger(self, seconds: float) -> None:
        """Go on watching the same phase for a while."""
        until = time.perf_counter() + seconds
        self.watch(self._phase, _do_nothing, lambda: time.perf_counter() > until)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.setdefault(self._phase, []).append(now - self._last)
        self._last = now
        if self._is_over() or now > self._deadline:
            self._loop.quit()


def watch_work(checkpoint: str) -> dict[str, Any]:
    """Load a checkpoint, encode a B-scan, draw boxes and commit; return the gaps of each phase.

    Returns
    -------
    "gaps": the seconds between ticks by phase, and "opengl": what draws the canvas.
    """
    image = sample_bscan().pixels
    viewer = open_viewer(image)
    boxes = [_corners(prompt.box) for prompt in box_prompts(image.shape, _BOXES)]
    watch = LoopWatch()
    _watch_napari_alone(watch, viewer, boxes)
    _watch_plugin(watch, viewer, Path(checkpoint), boxes)
    assert "torch" not in sys.modules
    answer = {"gaps": watch.gaps, "opengl": renderer()}
    close(viewer)
    return answer


def _watch_napari_alone(watch: LoopWatch, viewer: Any, boxes: list[Any]) -> None:
    watch.watch("napari, nobody there", _do_nothing, _after(2.0))
    watch.watch("napari, a layer of shapes is added", viewer.add_shapes, _after(_LINGER))
    shapes = viewer.layers[-1]
    for box in boxes:
        watch.watch(
            f"napari, {_BOXES} boxes drawn one by one",
            partial(shapes.add_rectangles, box),
            _after(_LINGER),
        )
    shapes.visible = False  # removing it would crash napari 0.9.2 on Mesa at the next drawing


def _watch_plugin(watch: LoopWatch, viewer: Any, checkpoint: Path, boxes: list[Any]) -> None:
    widgets: dict[str, Any] = {}

    def open_widget(name: str) -> None:
        widgets[name] = viewer.window.add_plugin_dock_widget(PLUGIN, name)[1]

    def load() -> None:
        widgets["Model"].choice.device.setCurrentText("cpu")
        widgets["Model"].open_file(checkpoint)

    watch.watch("the Model widget opens", lambda: open_widget("Model"), _after(_LINGER))
    session = widgets["Model"].session
    watch.watch(_LOADING, load, lambda: session.model is not None)
    watch.linger(_LINGER)

    watch.watch("the Prompt widget opens", lambda: open_widget("Prompt"), lambda: True)
    prompter = widgets["Prompt"].prompter
    encoded: list[object] = []
    prompter.prefetch.encoded.connect(encoded.append)
    watch.watch(_ENCODING, _do_nothing, lambda: bool(encoded))
    watch.linger(_LINGER)

    from napari_octsam.gui.prompting.drawing import Tool

    watch.watch(
        "the layers for prompts are added",
        lambda: prompter.start_drawing(Tool.BOX),
        _after(_LINGER),
    )
    for count, box in enumerate(boxes, start=1):
        watch.watch(
            _DECODING,
            partial(prompter.drawing.shapes.add_rectangles, box),
            partial(_has_predicted, prompter, count),
        )
        watch.linger(_LINGER)
    watch.watch("the masks are committed", prompter.commit, _after(1.0))
    _watch_training(watch, widgets["Model"], open_widget, widgets)


def _watch_training(
    watch: LoopWatch, model: Any, open_widget: Callable[[str], None], widgets: dict[str, Any]
) -> None:
    """Train octsam-tiny, whose steps are quick: nothing tells more in a second."""
    watch.watch("the Train widget opens", lambda: open_widget("Train"), _after(_LINGER))
    widget, session = widgets["Train"], model.session
    watch.watch("octsam-tiny loads", partial(_load_tiny, model), partial(_has_tiny, session))
    with TemporaryDirectory() as folder:
        write_pairs(Path(folder) / "data", _TRAINED)
        inputs = widget.inputs
        inputs.source.choose_folder(Path(folder) / "data", "layers7")
        inputs.folder.path = Path(folder)
        for name, value in (("epochs", 2), ("batch_size", 1)):
            inputs.settings.inputs[name].value = value
        watch.watch(_TRAINING, inputs.train.click, partial(_is_over, session.training))
        run = session.training.history
        assert run.complete, run.problem
        watch.linger(_LINGER)


def _load_tiny(model: Any) -> None:
    model.choice.models.setCurrentIndex(model.choice.models.findData(TINY))
    model.load.click()


def _has_tiny(session: Any) -> bool:
    return session.model is not None and session.model.name == TINY


def _is_over(training: Any) -> bool:
    return not training.is_on and (training.history.complete or bool(training.history.problem))


def _has_predicted(prompter: Any, count: int) -> bool:
    return prompter.predicted is not None and len(prompter.predicted.objects) == count


def _corners(box: Any) -> Any:
    return np.array([[box.row0, box.col0], [box.row1, box.col1]])


def _do_nothing() -> None:
    """A phase in which nothing is done."""


def _after(seconds: float) -> Callable[[], bool]:
    """Return a condition that holds from a while after its first question on."""
    until: list[float] = []

    def is_over() -> bool:
        if not until:
            until.append(time.perf_counter() + seconds)
        return time.perf_counter() > until[0]

    return is_over
