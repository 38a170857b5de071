"""A tool that has the mouse on the B-scan in view, by a layer of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.new_layers import placed_as
from napari_octsam.gui.session.keys import calling

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

    from napari_octsam.gui.correcting.edited_bscan import EditedBScan

__all__ = ["CanvasTool", "Pixel", "holds", "is_click"]

Pixel = tuple[int, int]
"""(row, col) of a B-scan with the vitreous body above; it may lie outside."""

_STILL = 4.0  # pixels of the canvas that the mouse may move in a click
_WIDTH = 1.6


def is_click(event: Any) -> Generator[None, None, bool]:
    """Follow the mouse from a press on, and return whether it was let go where it was pressed."""
    begun = np.array(event.pos)
    yield
    while event.type == "mouse_move":
        yield
    return bool(np.abs(np.array(event.pos) - begun).max() <= _STILL)


class CanvasTool:
    """Clicks and moves of the mouse come to a subclass, with what it has drawn as a thin line.

    The layer is selected while the tool is on, so that napari's brush and panning keep out.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    bscan
        Gives the B-scan in view; UserError where there is none to correct.
    keys
        What keys do while the layer has the keyboard, beside Enter and Esc.
    """

    layer_name = ""
    """Of the layer; a subclass has its own."""

    changed = Signal()
    """Whether it is on."""
    pointed = Signal(str)
    """What the mouse would do where it is."""
    told = Signal(str)
    """A sentence for the person."""

    def __init__(
        self,
        viewer: ViewerModel,
        bscan: Callable[[], EditedBScan],
        keys: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        self._viewer = viewer
        self._find = bscan
        self._more_keys = keys or {}
        self._bscan: EditedBScan | None = None
        self._layer: Vectors | None = None
        self._hinted = ""

    @property
    def is_on(self) -> bool:
        """Whether it has the mouse."""
        return self._bscan is not None

    @property
    def layer(self) -> Vectors | None:
        """The layer that has the mouse, and shows what is drawn."""
        return self._layer

    def start(self) -> None:
        """Take the mouse; UserError where nothing can be corrected."""
        from napari.layers import Vectors

        self._bscan = self.checked(self._find())
        labels = self._bscan.labels
        layer = self._layer = Vectors(
            np.empty((0, 2, labels.ndim), np.float32),
            ndim=labels.ndim,
            name=self.layer_name,
            vector_style="line",
            edge_color="white",
            opacity=1.0,
            **placed_as(labels),
        )
        layer.mouse_drag_callbacks.append(self._on_press)
        layer.mouse_move_callbacks.append(self._on_move)
        keys = {"Enter": self.finish, "Escape": self.cancel, **self._more_keys}
        for key, action in keys.items():
            layer.bind_key(key, calling(action), overwrite=True)
        self._viewer.layers.append(layer)
        self._viewer.layers.selection.active = layer
        self._viewer.dims.events.point.connect(self._on_slider)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self.changed.emit()

    def stop(self) -> None:
        """Give the mouse back."""
        bscan, self._bscan = self._bscan, None
        layer, self._layer = self._layer, None
        if bscan is None or layer is None:
            return
        self.leave()
        self._viewer.dims.events.point.disconnect(self._on_slider)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        if bscan.labels in self._viewer.layers:
            self._viewer.layers.selection.active = bscan.labels
        self.hint("")
        self.changed.emit()

    def checked(self, bscan: EditedBScan) -> EditedBScan:
        """Return the B-scan; UserError where the tool does nothing on it."""
        return bscan

    def clicked(self, bscan: EditedBScan, pixel: Pixel) -> None:
        """Do what a click on a pixel of the B-scan does."""
        raise NotImplementedError

    @property
    def does(self) -> str:
        """What a click does, in a few words."""
        raise NotImplementedError

    def moved(self, bscan: EditedBScan, pixel: Pixel) -> None:
        """See where the mouse is."""

    def finish(self) -> None:
        """Do what Enter does."""

    def cancel(self) -> None:
        """Do what Esc does."""
        self.stop()

    def leave(self) -> None:
        """Forget what was begun on a B-scan: another is shown, or the tool ends."""

    def draw(self, path: Sequence[tuple[float, float]]) -> None:
        """Draw a line through the middles of pixels (row, col)."""
        layer, bscan = self._layer, self._bscan
        if layer is None or bscan is None:
            return
        if len(path) < 2:
            layer.data = np.empty((0, 2, layer.ndim), np.float32)
            return
        rows, cols = np.array(path, float).T
        at = bscan.positions(rows + 0.5, cols)
        zoom = float(self._viewer.scene.camera.zoom) * float(np.abs(layer.scale[-2:]).min())
        layer.edge_width = _WIDTH / max(zoom, 1e-6)
        layer.data = np.stack([at[:-1], np.diff(at, axis=0)], axis=1)

    def hint(self, text: str) -> None:
        """Say what the mouse would do where it is, once."""
        if text != self._hinted:
            self._hinted = text
            self.pointed.emit(text)

    def _on_press(self, _layer: Vectors, event: Any) -> Iterator[None]:
        if event.button == 1 and (yield from is_click(event)) and self._bscan is not None:
            try:
                self.clicked(self._bscan, self._pixel(event))
            except UserError as error:
                self.told.emit(str(error))

    def _on_move(self, _layer: Vectors, event: Any) -> None:
        if self._bscan is not None:
            self.hint(self.does)
            self.moved(self._bscan, self._pixel(event))

    def _pixel(self, event: Any) -> Pixel:
        assert self._bscan is not None  # for mypy
        row, col = self._bscan.place(event.position)
        return int(np.floor(row)), round(col)

    def _on_slider(self, _event: Any) -> None:
        self.leave()
        try:
            self._bscan = self.checked(self._find())
        except UserError as error:
            self.stop()
            self.told.emit(str(error))

    def _on_removed(self, event: Any) -> None:
        if self._bscan is None:
            return
        if event.value in (self._bscan.labels, self._bscan.image):
            self.stop()
            self.told.emit(f"{event.value.name} is gone: nothing was changed.")
        elif event.value is self._layer:
            self.stop()


def holds(bscan: EditedBScan, pixel: Pixel) -> bool:
    """Whether a pixel lies on the B-scan."""
    return 0 <= pixel[0] < bscan.rows and 0 <= pixel[1] < bscan.labels.data.shape[-1]
