"""Parts of the tests of correcting: a mouse over the canvas of a real window."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from qtpy.QtTest import QTest

from napari_octsam.core.boundaries import boundaries_of
from napari_octsam.core.classes import LabelSchema
from napari_octsam.gui.correcting.correct_widget import CorrectWidget
from napari_octsam.gui.layers.layer_schema import show_schema
from napari_octsam.gui.session.session import session_of
from tests.core.test_boundaries import LAYERS7, flat_layers

SHAPE = (60, 80)
_THROTTLED = 30  # milliseconds in which napari hands on one move of the mouse


class Mouse:
    """Moves over the canvas of a viewer, at (row, col) of the labels."""

    def __init__(self, viewer: Any, labels: Any, index: tuple[int, ...]) -> None:
        self._canvas = viewer.window._qt_viewer.canvas
        self._labels = labels
        self._index = index
        self.is_whole = False  # on whole pixels of the canvas, as a brush wants it

    def at(self, row: float, col: float) -> tuple[float, float]:
        world = self._labels.data_to_world((*self._index, row, col))
        x, y = self._canvas.view.scene.transform.map([world[-1], world[-2], 0, 1])[:2]
        return (float(round(x)), float(round(y))) if self.is_whole else (float(x), float(y))

    def move(self, row: float, col: float) -> None:
        self._events.mouse_move(pos=self.at(row, col), modifiers=())
        QTest.qWait(_THROTTLED)

    def press(self, row: float, col: float) -> None:
        self.move(row, col)
        self._begun = self.at(row, col)
        self._events.mouse_press(pos=self._begun, button=1, modifiers=())

    def drag(self, row: float, col: float) -> None:
        began = SimpleNamespace(button=1, pos=self._begun)
        self._events.mouse_move(pos=self.at(row, col), button=1, modifiers=(), press_event=began)
        QTest.qWait(_THROTTLED)

    def release(self, row: float, col: float) -> None:
        self._events.mouse_release(pos=self.at(row, col), button=1, modifiers=())

    def click(self, row: float, col: float) -> None:
        self.press(row, col)
        self.release(row, col)

    def double_click(self, row: float, col: float) -> None:
        self.click(row, col)
        self._events.mouse_double_click(pos=self.at(row, col), button=1, modifiers=())

    @property
    def _events(self) -> Any:
        return self._canvas._scene_canvas.events


Open = Callable[..., tuple[Any, CorrectWidget, Mouse]]


def open_correct_in(make_viewer: Callable[[], Any], qtbot: Any) -> Open:
    """Return what opens the widget beside labels, of three equal B-scans where none are given.

    The second B-scan is shown.
    """

    def open_(
        labels: np.ndarray | None = None,
        image: np.ndarray | None = None,
        schema: LabelSchema = LAYERS7,
        **placed: Any,
    ) -> tuple[Any, CorrectWidget, Mouse]:
        proxy = make_viewer()
        viewer = proxy.__wrapped__
        session_of(viewer).schema = schema
        stack = np.stack([flat_layers()] * 3) if labels is None else labels
        pixels = np.full(stack.shape, 9, np.uint8) if image is None else image
        viewer.add_image(pixels, name="scan", **placed)
        layer = viewer.add_labels(stack, name="scan labels", **placed)
        show_schema(layer, schema)
        if stack.ndim == 3:
            viewer.dims.set_current_step(0, 1)
        widget = CorrectWidget(proxy)
        proxy.window.add_dock_widget(widget, name="Correct")
        viewer.window._qt_window.resize(1000, 700)
        viewer.window._qt_window.show()
        qtbot.wait(50)
        viewer.fit_to_view()
        return viewer, widget, Mouse(viewer, layer, (1,) * (stack.ndim - 2))

    return open_


def rows(widget: CorrectWidget, index: int = 1) -> np.ndarray:
    """The boundaries of a B-scan's labels."""
    assert widget.corrector.labels is not None
    return boundaries_of(widget.corrector.labels.data[index], LAYERS7)
