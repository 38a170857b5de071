"""Boundaries are dragged and traced by the real Correct widget, with events of the mouse.

No torch here: this is napari's process.
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.window import PLUGIN, close, draw, open_viewer, renderer

__all__ = ["HANDED", "PAINTED", "PAINTED_ALONE", "RELEASED", "TRACED", "watch_corrections"]

HANDED = "a move in a drag, until it is handed to the canvas"
PAINTED = "the canvas draws it"
PAINTED_ALONE = "for comparison, the canvas draws nothing new"
RELEASED = "the button is let go: labels are written"
TRACED = "a move in a trace, until it is handed to the canvas"

_SHAPE = (496, 768)
_REST, _TICK = 0.02, 0.002  # seconds between moves: napari takes one in 5 ms at most
_AT = 384  # column


def watch_corrections(drags: int, moves: int) -> dict[str, Any]:
    """Drag a boundary of a phantom some times, with so many moves each, then trace one.

    Returns
    -------
    The seconds of each kind of event, and "opengl".
    """
    from napari_octsam.core.classes import bundled_schema
    from napari_octsam.gui.correcting.boundary_tool import Hand
    from napari_octsam.gui.layers.layer_schema import show_schema

    schema = bundled_schema("layers7")
    labels = _layers(schema)
    viewer = open_viewer((20 * labels + 40).astype(np.uint8))
    layer = viewer.add_labels(labels, name="B-scan labels")
    show_schema(layer, schema)
    widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Correct")[1]
    widget.session.schema = schema
    draw()
    viewer.fit_to_view()
    widget.boundaries.toggle()
    hand = _Hand(viewer, layer)
    for number in range(drags):
        row = float(widget.tool.boundaries[3, _AT]) - 0.5
        step = 0.4 if number % 2 else -0.4
        hand.drag(row, [row + step * (move + 1) for move in range(moves)])
    assert widget.session.history.stack.canUndo(), "nothing was dragged"
    widget.tool.hand = Hand.TRACE
    traced = widget.tool.boundaries
    row = float(traced[3, 100]) - 0.5
    hand.trace(row, 100, [(row + (move % 5), 180 + 15 * move) for move in range(moves)])
    assert widget.tool.boundaries is not traced, "nothing was traced"
    widget.tool.cancel()
    assert "torch" not in sys.modules
    for kept in widget.corrector.keeper.kept:
        kept.discard()
    found = {**hand.seconds, "opengl": renderer()}
    close(viewer)
    return found


def _layers(schema: Any) -> np.ndarray[Any, np.dtype[np.uint8]]:
    from napari_octsam.core.boundaries import layers_between

    cols = np.arange(_SHAPE[1])
    bend = 30 * np.sin(cols / 120)
    rows = 180 + bend + 18 * np.arange(8)[:, None]
    return layers_between(rows.astype(np.float32), schema, _SHAPE[0])


def _rest() -> None:
    """Let napari's throttle end, which needs the event loop."""
    until = time.perf_counter() + _REST
    while time.perf_counter() < until:
        draw()
        time.sleep(_TICK)


class _Hand:
    """The mouse over the canvas; notes how long each event takes."""

    def __init__(self, viewer: Any, labels: Any) -> None:
        self._canvas = viewer.window._qt_viewer.canvas
        self._labels = labels
        self.seconds: dict[str, list[float]] = {
            name: [] for name in (HANDED, PAINTED, PAINTED_ALONE, RELEASED, TRACED)
        }

    def drag(self, row: float, rows: list[float]) -> None:
        """Press at a row, move over others, and let go."""
        self._move(row, _AT)
        _rest()
        begun = self._at(row, _AT)
        self._events.mouse_press(pos=begun, button=1, modifiers=())
        press = SimpleNamespace(button=1, pos=begun)
        for each in rows:
            _rest()
            self._note(HANDED, lambda to=each: self._move(to, _AT, press))
            self._note(PAINTED, self._paint)
            self._note(PAINTED_ALONE, self._paint)
        self._note(RELEASED, lambda: self._release(rows[-1], _AT))
        draw()

    def trace(self, row: float, col: float, places: list[tuple[float, float]]) -> None:
        """Click on a boundary, then move over places."""
        self._move(row, col)
        _rest()
        self._events.mouse_press(pos=self._at(row, col), button=1, modifiers=())
        self._release(row, col)
        for place in places:
            _rest()
            self._note(TRACED, lambda to=place: self._move(*to))
            self._paint()

    def _note(self, name: str, action: Any) -> None:
        started = time.perf_counter()
        action()
        self.seconds[name].append(time.perf_counter() - started)

    def _at(self, row: float, col: float) -> tuple[float, float]:
        world = self._labels.data_to_world((row, col))
        x, y = self._canvas.view.scene.transform.map([world[-1], world[-2], 0, 1])[:2]
        return float(x), float(y)

    def _move(self, row: float, col: float, press: Any = None) -> None:
        how = {} if press is None else {"button": 1, "press_event": press}
        self._events.mouse_move(pos=self._at(row, col), modifiers=(), **how)

    def _release(self, row: float, col: float) -> None:
        self._events.mouse_release(pos=self._at(row, col), button=1, modifiers=())

    def _paint(self) -> None:
        from vispy.gloo import gl

        self._canvas.native.repaint()
        gl.glFinish()

    @property
    def _events(self) -> Any:
        return self._canvas._scene_canvas.events
