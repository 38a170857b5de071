"""Boundaries are dragged, drawn and traced again with the mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_octsam.core.boundary_edits import dragged, drawn, falloff, nearest_boundary
from napari_octsam.core.errors import UserError
from napari_octsam.core.redrawing import redrawn
from napari_octsam.core.retracing import costs_from_image, retraced
from napari_octsam.gui.correcting.boundary_lines import BoundaryLines

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

    from napari_octsam.core.boundaries import Boundaries
    from napari_octsam.core.tracing import Costs
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values

__all__ = ["BoundaryTool", "Hand"]

_NEAR = 12.0  # pixels of the canvas
_CLICK = 4.0  # of them, that the mouse may move in a click
_WIDTHS = (1, 600)  # columns
_WIDER = 1.25  # a notch of the wheel
_REST = 80  # milliseconds after which labels that others change are read again


class Hand(StrEnum):
    """What the mouse does with a boundary."""

    DRAG = "drag"
    DRAW = "draw"
    TRACE = "trace"


class BoundaryTool:
    """Shows the boundaries of the B-scan in view, and moves them with the mouse.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    bscan
        Gives the B-scan in view; UserError where there is none to correct.
    write
        Writes (H, W) labels of that B-scan, with what was done in words; UserError where they
        cannot be written.
    keys
        What other keys do while the lines have the keyboard.
    """

    changed = Signal()
    """Whether it is on, what the mouse does, or how wide a drag is."""
    pointed = Signal(str)
    """What the mouse is at and would do there; "" where nothing."""
    told = Signal(str)
    """A sentence for the person."""

    def __init__(
        self,
        viewer: ViewerModel,
        bscan: Callable[[], EditedBScan],
        write: Callable[[EditedBScan, Values, str], object],
        keys: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        self._viewer = viewer
        self._find = bscan
        self._write = write
        self._more_keys = keys or {}
        self._lines = BoundaryLines(viewer)
        self._bscan: EditedBScan | None = None
        self._labels: Values | None = None
        self._boundaries: Boundaries | None = None
        self._anchors: dict[int, set[int]] = {}
        self._lit: int | None = None
        self._clicks: list[tuple[float, float]] = []
        self._traced: int | None = None  # the boundary that is clicked on
        self._costs: Costs | None = None
        self._preview: Boundaries | None = None
        self._is_cancelled = False
        self._rewiden: Callable[[], None] | None = None  # while it is dragged
        self._hand = Hand.DRAG
        self._width = 40
        self.giving_way = True
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.timeout.connect(self._reload)

    @property
    def is_on(self) -> bool:
        """Whether boundaries are shown."""
        return self._bscan is not None

    @property
    def layer(self) -> Vectors | None:
        """The layer with the lines; the mouse does its work while it is selected."""
        return self._lines.layer

    @property
    def boundaries(self) -> Boundaries | None:
        """Those that are shown."""
        return self._boundaries if self._preview is None else self._preview

    @property
    def hand(self) -> Hand:
        """What the mouse does."""
        return self._hand

    @hand.setter
    def hand(self, hand: Hand) -> None:
        self._leave_clicks()
        self._hand = hand
        self.changed.emit()

    @property
    def width(self) -> int:
        """Columns on either side that take part in a drag."""
        return self._width

    @width.setter
    def width(self, columns: int) -> None:
        low, high = _WIDTHS
        self._width = min(max(columns, low), high)
        if self._rewiden is not None:
            self._rewiden()
        self.changed.emit()

    def start(self) -> None:
        """Show the boundaries of the B-scan in view, and take the mouse.

        Raises
        ------
        UserError
            There are no layers to correct.
        """
        bscan = self._find()
        boundaries = bscan.boundaries
        if np.isnan(boundaries).all():
            raise UserError(_why_none(bscan))
        self._take(bscan, boundaries)
        layer = self._lines.show(bscan, boundaries)
        layer.mouse_move_callbacks.append(self._on_move)
        layer.mouse_drag_callbacks.append(self._on_press)
        layer.mouse_double_click_callbacks.append(self._on_double_click)
        layer.mouse_wheel_callbacks.append(self._on_wheel)
        for key, action in self._keys().items():
            layer.bind_key(key, _calling(action), overwrite=True)
        self._viewer.layers.selection.active = layer
        self._viewer.dims.events.point.connect(self._reload)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._follow(bscan)
        self.changed.emit()

    def stop(self) -> None:
        """Take the lines away; labels stay as they are."""
        bscan, self._bscan = self._bscan, None
        if bscan is None:
            return
        self._timer.stop()
        self._is_cancelled = True
        self._boundaries = self._preview = self._labels = None
        self._clicks, self._traced = [], None
        self._unfollow(bscan)
        self._viewer.dims.events.point.disconnect(self._reload)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._lines.remove()
        if bscan.labels in self._viewer.layers:
            self._viewer.layers.selection.active = bscan.labels
        self.pointed.emit("")
        self.changed.emit()

    def wider(self) -> None:
        """Have a drag move more columns."""
        self.width = max(round(self._width * _WIDER), self._width + 1)

    def narrower(self) -> None:
        """Have a drag move fewer columns."""
        self.width = min(round(self._width / _WIDER), self._width - 1)

    def take_trace(self) -> None:
        """Write what was traced between the clicks."""
        if self._preview is None or self._traced is None or len(self._clicks) < 2:
            self.told.emit("Click on two places of a boundary or more, then press Enter.")
            return
        traced, number = self._trace(self._clicks), self._traced
        self._leave_clicks()
        if traced is not None:
            self._put(traced, f"tracing of {self._name(number)}")

    def cancel(self) -> None:
        """Leave a drag or the clicks of a trace; without one, end the tool."""
        if self._rewiden is not None:
            self._is_cancelled = True
            self._show(self._boundaries)
        elif self._clicks:
            self._leave_clicks()
        else:
            self.stop()

    def _keys(self) -> dict[str, Callable[[], object]]:
        return {
            "[": self.narrower,
            "]": self.wider,
            "Enter": self.take_trace,
            "Escape": self.cancel,
            **self._more_keys,
        }

    def _take(self, bscan: EditedBScan, boundaries: Boundaries) -> None:
        if self._bscan is None or self._bscan.index != bscan.index:
            self._anchors = {}
        self._bscan, self._boundaries, self._preview = bscan, boundaries, None
        self._labels = bscan.values
        self._clicks, self._traced, self._costs = [], None, None

    def _follow(self, bscan: EditedBScan) -> None:
        for event in (bscan.labels.events.set_data, bscan.labels.events.paint):
            event.connect(self._on_labels)

    def _unfollow(self, bscan: EditedBScan) -> None:
        for event in (bscan.labels.events.set_data, bscan.labels.events.paint):
            event.disconnect(self._on_labels)

    def _on_labels(self, _event: Any = None) -> None:
        if self._rewiden is None:
            self._timer.start()

    def _on_removed(self, event: Any) -> None:
        bscan = self._bscan
        if bscan is None:
            return
        if event.value in (bscan.labels, bscan.image):
            self.stop()
            self.told.emit(f"{event.value.name} is gone: nothing was changed.")
        elif event.value is self.layer:
            self.stop()

    def _reload(self, _event: Any = None) -> None:
        """Read the B-scan in view again: it is another, or its labels are."""
        before = self._bscan
        if before is None:
            return
        try:
            bscan = self._find()
        except UserError as error:
            self.stop()
            self.told.emit(str(error))
            return
        values = bscan.values
        is_same = bscan.labels is before.labels and bscan.index == before.index
        if is_same and self._labels is not None and np.array_equal(values, self._labels):
            return
        if bscan.labels is not before.labels:
            self._unfollow(before)
            self._follow(bscan)
        boundaries = bscan.boundaries
        self._take(bscan, boundaries)
        self._lit = None
        self._lines.light(None)
        self._lines.show(bscan, boundaries)
        if np.isnan(boundaries).all():
            self.told.emit(_why_none(bscan))

    def _on_move(self, layer: Vectors, event: Any) -> None:
        if self._bscan is None or self._boundaries is None:
            return
        row, col = self._bscan.place(event.position)
        if self._clicks:
            self._show_trace((row, col))
            return
        number = nearest_boundary(self._boundaries, row, col, self._reach(layer))
        if number != self._lit:
            self._lit = number
            self._lines.light(number)
            layer.mouse_pan = number is None
            self.pointed.emit("" if number is None else self._hint(number))

    def _on_press(self, layer: Vectors, event: Any) -> Iterator[None]:
        if self._bscan is None or event.button != 1:
            return
        if self._hand is Hand.TRACE:
            yield from self._click(event)
        elif self._lit is not None:
            layer.mouse_pan = layer.mouse_zoom = False
            self._is_cancelled = False
            try:
                yield from self._move(event, self._lit)
            finally:
                self._rewiden = None
                layer.mouse_zoom = True

    def _move(self, event: Any, number: int) -> Iterator[None]:
        """Drag or draw a boundary until the button is let go, then write it."""
        bscan, before = self._bscan, self._boundaries
        assert bscan is not None
        assert before is not None
        path = [bscan.place(event.position)]

        def moved() -> Boundaries:
            (row, col), (now, _) = path[0], path[-1]
            if self._hand is Hand.DRAW:
                return drawn(before, number, path, bscan.rows, giving_way=self.giving_way)
            held = self._anchors.get(number, set())
            weights = falloff(before.shape[1], round(col), self._width, held)
            by = 0.0 if round(col) in held else now - row
            return dragged(before, number, weights, by, bscan.rows, giving_way=self.giving_way)

        self._rewiden = lambda: self._show(moved())
        yield
        while event.type == "mouse_move":
            if self._is_cancelled:
                return
            path.append(bscan.place(event.position))
            self._show(moved())
            yield
        if len(path) > 1 and not self._is_cancelled:
            path.append(bscan.place(event.position))
            self._rewiden = None
            verb = "drawing" if self._hand is Hand.DRAW else "moving"
            self._put(moved(), f"{verb} of {self._name(number)}")

    def _click(self, event: Any) -> Iterator[None]:
        """Add a place that a boundary is traced through, where the mouse did not drag."""
        begun = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        has_dragged = np.abs(np.array(event.pos) - begun).max() > _CLICK
        if has_dragged or self._bscan is None or self._boundaries is None:
            return
        place = self._bscan.place(event.position)
        if not self._clicks:
            self._traced = self._lit
            if self._lit is None:
                self.told.emit("Click on a boundary first: that is the one that is traced.")
                return
            self._costs = costs_from_image(self._bscan.pixels, self._boundaries, self._lit)
        self._clicks.append(place)
        self._show_trace(place)

    def _show_trace(self, pointer: tuple[float, float]) -> None:
        traced = self._trace([*self._clicks, pointer])
        if traced is not None:
            self._preview = traced
            self._lines.move(traced)

    def _trace(self, places: list[tuple[float, float]]) -> Boundaries | None:
        """Return the boundaries traced through places; None where that cannot be."""
        assert self._boundaries is not None
        assert self._costs is not None
        assert self._traced is not None
        try:
            return retraced(
                self._boundaries, self._traced, places, self._costs, giving_way=self.giving_way
            )
        except UserError as error:
            self.pointed.emit(str(error))
            return None

    def _leave_clicks(self) -> None:
        if self._clicks:
            self._clicks, self._traced, self._costs = [], None, None
            self._preview = None
            self._show(self._boundaries)

    def _on_double_click(self, _layer: Vectors, event: Any) -> None:
        if self._bscan is None or self._lit is None or self._hand is not Hand.DRAG:
            return
        col = round(self._bscan.place(event.position)[1])
        held = self._anchors.setdefault(self._lit, set())
        is_held = col in held
        (held.remove if is_held else held.add)(col)
        name = self._name(self._lit)
        done = "is free again" if is_held else "stays where it is"
        self.told.emit(f"{name} {done} at column {col}.")

    def _on_wheel(self, _layer: Vectors, event: Any) -> None:
        if self._rewiden is not None:
            (self.wider if event.delta[1] > 0 else self.narrower)()
            event.handled = True

    def _show(self, boundaries: Boundaries | None) -> None:
        if boundaries is not None and self.is_on:
            self._preview = None if boundaries is self._boundaries else boundaries
            self._lines.move(boundaries)

    def _put(self, after: Boundaries, what: str) -> None:
        """Write the labels as boundaries have them; where that cannot be, all is as before."""
        bscan, before, labels = self._bscan, self._boundaries, self._labels
        assert bscan is not None
        assert before is not None
        assert labels is not None
        self._preview = None
        try:
            self._write(bscan, redrawn(labels, before, after, bscan.schema), what)
        except UserError as error:
            self.told.emit(str(error))
        self._labels = bscan.values
        self._boundaries = bscan.boundaries
        self._lines.show(bscan, self._boundaries)

    def _reach(self, layer: Vectors) -> float:
        """Return how many rows away a boundary is near."""
        zoom = float(self._viewer.scene.camera.zoom) * abs(float(layer.scale[-2]))
        return _NEAR / max(zoom, 1e-6)

    def _name(self, number: int) -> str:
        assert self._bscan is not None
        schema = self._bscan.schema
        above, below = schema.stack[number], schema.stack[number + 1]
        return f"{schema[above.value].short} / {schema[below.value].short}"

    def _hint(self, number: int) -> str:
        does = {
            Hand.DRAG: f"drag it ({self._width} columns: wheel, or [ and ]); double click holds it",
            Hand.DRAW: "draw it anew along the B-scan",
            Hand.TRACE: "click on two places or more, then Enter",
        }
        return f"{self._name(number)}: {does[self._hand]}"


def _why_none(bscan: EditedBScan) -> str:
    schema = bscan.schema
    if not schema.stack:
        return f"The schema {schema.name} has no layers, so there is no boundary to move."
    layers = [value for step in schema.layers for value in step.members]
    if np.isin(bscan.values, layers).any():
        return "The layers are out of order in every column here: repair that first."
    return "This B-scan has no layers yet: label it first."


def _calling(action: Callable[[], object]) -> Callable[[Any], None]:
    def on_key(_pressed_on: Any) -> None:
        action()

    return on_key
