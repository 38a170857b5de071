"""Parts of the tests of prompting: an engine that answers at once, and what a person does."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.components import ViewerModel
from napari.utils.key_bindings import KeymapHandler
from psygnal import Signal

from napari_octsam.core.decoded import CoarseMask, DecodedObject, LogitGrid
from napari_octsam.core.prompts import Prompt
from napari_octsam.engine.predict.messages import (
    Decode,
    Encode,
    Encoded,
    LoadedModel,
    LoadModel,
    Prediction,
    Request,
)
from napari_octsam.gui.prompting.drawing import Tool
from napari_octsam.gui.prompting.machine import Phase
from napari_octsam.gui.prompting.prompt_widget import PromptWidget

NSR, IRF, SRF, RPE = 2, 3, 4, 6
BOX = np.array([[10, 10], [10, 50], [30, 50], [30, 10]], float)
INSIDE = (slice(10, 31), slice(10, 51))


class PromptEngine:
    """Fills each box; around a lone point a square. Answers at once, unless it is held."""

    state_changed = Signal(str)
    warned = Signal(str)
    died = Signal(str)

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.held: list[tuple[Request, Future[Any]]] = []
        self.hold = False
        self.fails_with: Exception | None = None

    def submit(
        self, request: Request, *, on_progress: Any = None, background: bool = False
    ) -> Future[Any]:
        self.requests.append(request)
        future: Future[Any] = Future()
        if self.hold and isinstance(request, Decode):
            self.held.append((request, future))
        else:
            self._answer(request, future)
        return future

    def release(self) -> None:
        for request, future in self.held:
            if future.set_running_or_notify_cancel():
                self._answer(request, future)
        self.held.clear()

    def shutdown(self) -> None:
        self.state_changed.emit("stopped")

    def asked_for(self, kind: type) -> list[Any]:
        return [request for request in self.requests if isinstance(request, kind)]

    def _answer(self, request: Request, future: Future[Any]) -> None:
        if self.fails_with is not None and isinstance(request, Decode):
            future.set_exception(self.fails_with)
        elif isinstance(request, LoadModel):
            future.set_result(LoadedModel(request.source, "octsam-tiny", "sam", "cpu", "float32"))
        elif isinstance(request, Encode):
            future.set_result(Encoded("encoder", 0.1))
        elif isinstance(request, Decode):
            shape = request.bscan.pixels.shape
            objects = tuple(fill(p, (shape[0], shape[1])) for p in request.prompts)
            future.set_result(Prediction((shape[0], shape[1]), objects))


def fill(prompt: Prompt, shape: tuple[int, int]) -> DecodedObject:
    """The box itself; candidate k is k pixels smaller on each side."""
    if prompt.box is not None:
        b = prompt.box
        r0, c0, r1, c1 = (round(x) for x in (b.row0, b.col0, b.row1, b.col1))
    else:
        p = prompt.points[0]
        r0, c0, r1, c1 = (round(x) for x in (p.row - 3, p.col - 3, p.row + 3, p.col + 3))
    grid = LogitGrid(shape, ((shape[0],) * 2,), ((shape[1],) * 2,))
    candidates = tuple(
        CoarseMask(
            grid,
            r0 + k,
            c0 + k,
            np.full((r1 - r0 + 1 - 2 * k, c1 - c0 + 1 - 2 * k), 2.0, np.float32),
        )
        for k in range(4)
    )
    return DecodedObject(candidates, (0.9, 0.8, 0.7, 0.6), 0)


def bscan() -> np.ndarray:
    return np.zeros((60, 80), np.uint8)


def draw_box(widget: PromptWidget, vertices: np.ndarray = BOX, value: int = NSR) -> None:
    widget.prompter.drawing.choose_class(value)
    widget.prompter.start_drawing(Tool.BOX)
    shapes = widget.prompter.drawing.shapes
    assert shapes is not None
    shapes.add(vertices, shape_type="rectangle")


def wait_for_prediction(qtbot: Any, widget: PromptWidget, objects: int = 1) -> None:
    def predicted() -> bool:
        now = widget.prompter.predicted
        return now is not None and len(now.placed) == objects and widget.prompter.is_current

    qtbot.waitUntil(predicted, timeout=3000)


def wait_until_at_rest(qtbot: Any, widget: PromptWidget) -> None:
    """Wait until the last edit has been looked at, where it leaves nothing to predict."""
    prompter = widget.prompter
    qtbot.waitUntil(lambda: prompter.state.phase is not Phase.WAITING, timeout=3000)


def preview(widget: PromptWidget) -> np.ndarray:
    layer = widget.prompter.preview.layer
    assert layer is not None
    return np.asarray(layer.data)


def choose_image(widget: PromptWidget, name: str) -> None:
    combo = widget.layers.image
    combo.setCurrentText(name)
    combo.activated.emit(combo.currentIndex())


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def close(widget: PromptWidget) -> None:
    """Take the widget out of its dock, as napari does."""
    widget.setParent(None)


def press_key(viewer: ViewerModel, key: str) -> None:
    """Press a key as on the canvas: the keys of the selected layer win over the viewer's."""
    handler = KeymapHandler()
    active = viewer.layers.selection.active
    handler.keymap_providers = [viewer] if active is None else [active, viewer]
    handler.press_key(key)
