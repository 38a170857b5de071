"""Boundaries are dragged, drawn and traced again with the mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_octsam.core.boundary_edits import dragged, drawn, falloff, nearest_boundary
from napari_octsam.core.errors import UserError
from napari_octsam.core.redrawing import redrawn
from napari_octsam.gui.correcting.boundaries_in_view import BoundariesInView
from napari_octsam.gui.correcting.boundary_trace import BoundaryTrace
from napari_octsam.gui.correcting.canvas_tool import is_click
from napari_octsam.gui.session.keys import calling

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

    from napari_octsam.core.boundaries import Boundaries
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values
    from napari_octsam.gui.correcting.model_sight import ModelSight

__all__ = ["BoundaryTool", "Hand"]

_NEAR = 12.0  # pixels of the canvas
_WIDTHS = (1, 600)  # columns
_WIDER = 1.25  # a notch of the wheel


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
    sight
        What the model sees, on which a boundary is traced; else on the image's edges.
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
        sight: ModelSight | None = None,
    ) -> None:
        self._viewer = viewer
        self._write = write
        self._more_keys = keys or {}
        self._view = BoundariesInView(viewer, bscan)
        self._view.told.connect(self.told.emit)
        self._view.changed.connect(self._on_others)
        self._view.ended.connect(self._on_ended)
        self._trace = BoundaryTrace(self._view, sight)
        self._trace.failed.connect(self.pointed.emit)
        self._anchors: dict[int, set[int]] = {}
        self._anchored: tuple[int, ...] | None = None  # index of the B-scan that they are on
        self._lit: int | None = None
        self._is_cancelled = False
        self._rewiden: Callable[[], None] | None = None  # while it is dragged
        self._hand = Hand.DRAG
        self._width = 40

    @property
    def is_on(self) -> bool:
        """Whether boundaries are shown."""
        return self._view.bscan is not None

    @property
    def layer(self) -> Vectors | None:
        """The layer with the lines; the mouse does its work while it is selected."""
        return self._view.layer

    @property
    def boundaries(self) -> Boundaries | None:
        """Those that are shown."""
        return self._view.shown

    @property
    def hand(self) -> Hand:
        """What the mouse does."""
        return self._hand

    @hand.setter
    def hand(self, hand: Hand) -> None:
        self._trace.leave()
        self._hand = hand
        self._look_ahead()
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

    @property
    def giving_way(self) -> bool:
        """Whether the neighbours of a boundary give way; else they stop it."""
        return self._trace.giving_way

    @giving_way.setter
    def giving_way(self, giving_way: bool) -> None:
        self._trace.giving_way = giving_way

    def start(self) -> None:
        """Show the boundaries of the B-scan in view, and take the mouse.

        Raises
        ------
        UserError
            There are no layers to correct.
        """
        layer = self._view.start()
        self._on_others()
        layer.mouse_move_callbacks.append(self._on_move)
        layer.mouse_drag_callbacks.append(self._on_press)
        layer.mouse_double_click_callbacks.append(self._on_double_click)
        layer.mouse_wheel_callbacks.append(self._on_wheel)
        for key, action in self._keys().items():
            layer.bind_key(key, calling(action), overwrite=True)
        self._viewer.layers.selection.active = layer
        self.changed.emit()

    def stop(self) -> None:
        """Take the lines away; labels stay as they are."""
        bscan = self._view.stop()
        if bscan is None:
            return
        self._is_cancelled = True
        self._anchored = None
        self._trace.forget()
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
        number, traced = self._trace.number, self._trace.take()
        if number is not None and traced is not None:
            self._put(traced, f"tracing of {self._name(number)}")
        elif number is None or self._trace.number is not None:
            self.told.emit("Click on two places of a boundary or more, then press Enter.")

    def cancel(self) -> None:
        """Leave a drag or the clicks of a trace; without one, end the tool."""
        if self._rewiden is not None:
            self._is_cancelled = True
            self._view.draw(None)
        elif self._trace.number is not None:
            self._trace.leave()
        else:
            self.stop()

    def model_has_looked(self) -> None:
        """Go on tracing on what the model sees, which has just become known."""
        if self.is_on:
            self._trace.model_has_looked()

    def _keys(self) -> dict[str, Callable[[], object]]:
        return {
            "[": self.narrower,
            "]": self.wider,
            "Enter": self.take_trace,
            "Escape": self.cancel,
            **self._more_keys,
        }

    def _on_others(self) -> None:
        """Begin anew with the boundaries that are shown now."""
        index = None if self._view.bscan is None else self._view.bscan.index
        if index != self._anchored:
            self._anchors, self._anchored = {}, index
        self._trace.forget()
        self._lit = None
        self._view.light(None)
        self._look_ahead()

    def _on_ended(self, why: str) -> None:
        self.stop()
        if why:
            self.told.emit(why)

    def _look_ahead(self) -> None:
        if self._hand is Hand.TRACE:
            self._trace.look_ahead()

    def _on_move(self, layer: Vectors, event: Any) -> None:
        bscan, boundaries = self._view.bscan, self._view.boundaries
        if bscan is None or boundaries is None:
            return
        place = bscan.place(event.position)
        if self._trace.number is not None:
            self._trace.follow(place)
            return
        number = nearest_boundary(boundaries, *place, self._reach(layer))
        if number != self._lit:
            self._lit = number
            self._view.light(number)
            layer.mouse_pan = number is None
            self.pointed.emit("" if number is None else self._hint(number))

    def _on_press(self, layer: Vectors, event: Any) -> Iterator[None]:
        if self._view.bscan is None or event.button != 1:
            return
        if self._hand is Hand.TRACE:
            yield from self._click(event)
        elif self._lit is not None:
            layer.mouse_pan = layer.mouse_zoom = False
            self._is_cancelled, self._view.is_held = False, True
            try:
                yield from self._move(event, self._lit)
            finally:
                self._rewiden = None
                self._view.is_held = False
                layer.mouse_zoom = True

    def _move(self, event: Any, number: int) -> Iterator[None]:
        """Drag or draw a boundary until the button is let go, then write it."""
        bscan, before = self._view.bscan, self._view.boundaries
        assert bscan is not None  # for mypy, as below
        assert before is not None
        path = [bscan.place(event.position)]

        def moved() -> Boundaries:
            giving_way = self.giving_way
            if self._hand is Hand.DRAW:
                return drawn(before, number, path, bscan.rows, giving_way=giving_way)
            (row, col), (now, _) = path[0], path[-1]
            held = self._anchors.get(number, set())
            weights = falloff(before.shape[1], round(col), self._width, held)
            by = 0.0 if round(col) in held else now - row
            return dragged(before, number, weights, by, bscan.rows, giving_way=giving_way)

        self._rewiden = lambda: self._view.draw(moved())
        yield
        while event.type == "mouse_move":
            if self._is_cancelled:
                return
            path.append(bscan.place(event.position))
            self._view.draw(moved())
            yield
        if len(path) > 1 and not self._is_cancelled:
            path.append(bscan.place(event.position))
            self._rewiden = None
            verb = "drawing" if self._hand is Hand.DRAW else "moving"
            self._put(moved(), f"{verb} of {self._name(number)}")

    def _click(self, event: Any) -> Iterator[None]:
        """Add a place that a boundary is traced through, where the mouse did not drag."""
        if not (yield from is_click(event)) or self._view.bscan is None:
            return
        number = self._lit if self._trace.number is None else self._trace.number
        if number is None:
            self.told.emit("Click on a boundary first: that is the one that is traced.")
        else:
            self._trace.click(number, self._view.bscan.place(event.position))

    def _on_double_click(self, _layer: Vectors, event: Any) -> None:
        if self._view.bscan is None or self._lit is None or self._hand is not Hand.DRAG:
            return
        col = round(self._view.bscan.place(event.position)[1])
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

    def _put(self, after: Boundaries, what: str) -> None:
        """Write the labels as boundaries have them; where that cannot be, all is as before."""
        view = self._view
        assert view.bscan is not None  # for mypy
        assert view.labels is not None
        assert view.boundaries is not None
        wanted = redrawn(view.labels, view.boundaries, after, view.bscan.schema)
        try:
            self._write(view.bscan, wanted, what)
        except UserError as error:
            self.told.emit(str(error))
        view.read()

    def _reach(self, layer: Vectors) -> float:
        """Return how many rows away a boundary is near."""
        zoom = float(self._viewer.scene.camera.zoom) * abs(float(layer.scale[-2]))
        return _NEAR / max(zoom, 1e-6)

    def _name(self, number: int) -> str:
        assert self._view.bscan is not None  # for mypy
        schema = self._view.bscan.schema
        above, below = schema.stack[number], schema.stack[number + 1]
        return f"{schema[above.value].short} / {schema[below.value].short}"

    def _hint(self, number: int) -> str:
        does = {
            Hand.DRAG: f"drag it ({self._width} columns: wheel, or [ and ]); double click holds it",
            Hand.DRAW: "draw it anew along the B-scan",
            Hand.TRACE: "click on two places or more, then Enter",
        }
        return f"{self._name(number)}: {does[self._hand]}"
