"""Ctrl-Z and Ctrl-Shift-Z in a viewer: what was done last, be it painted or committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from app_model.types import KeyBinding, KeyCode, KeyMod

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

    from napari_octsam.gui.session.undo import History

__all__ = ["REDO_KEY", "UNDO_KEY", "UndoKeys", "undo_keys_of"]

UNDO_KEY = str(KeyBinding.from_int(KeyMod.CtrlCmd | KeyCode.KeyZ))
REDO_KEY = str(KeyBinding.from_int(KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ))


class UndoKeys:
    """Follows what is painted, and binds the keys on every labels layer.

    napari binds them for all labels layers, to the history of the one that is selected, and a key
    of a selected layer wins over the viewer's; a key of one layer wins over that of all. The keys
    of the viewer itself are bound by `prompting.keys`.
    """

    def __init__(self, viewer: ViewerModel, history: History) -> None:
        self._viewer = viewer
        self._history = history
        self.users = 1
        """Widgets that want it; the last one that releases it ends it."""
        for layer in viewer.layers:
            self._follow(layer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    def undo(self, _pressed_on: object = None) -> None:
        """Undo what was done last; where that is not known, napari's own undo."""
        labels = self._selected_labels()
        if not self._history.undo_latest() and labels is not None:
            labels.undo()

    def redo(self, _pressed_on: object = None) -> None:
        """Redo what was undone last; where that is not known, napari's own redo."""
        labels = self._selected_labels()
        if not self._history.redo_latest() and labels is not None:
            labels.redo()

    def release(self) -> None:
        """Leave the keys to napari again, once nobody wants them."""
        self.users -= 1
        if self.users:
            return
        _IN_USE.pop(self._viewer, None)
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        for layer in self._viewer.layers:
            self._leave(layer)

    def _follow(self, layer: Layer) -> None:
        if _is_labels(layer):
            layer.events.paint.connect(self._on_paint)
            layer.bind_key(UNDO_KEY, self.undo, overwrite=True)
            layer.bind_key(REDO_KEY, self.redo, overwrite=True)

    def _leave(self, layer: Layer) -> None:
        if _is_labels(layer):
            layer.events.paint.disconnect(self._on_paint)
            layer.bind_key(UNDO_KEY, None)
            layer.bind_key(REDO_KEY, None)

    def _on_inserted(self, event: Any) -> None:
        self._follow(event.value)

    def _on_removed(self, event: Any) -> None:
        self._leave(event.value)
        if _is_labels(event.value):
            self._history.forget(event.value)

    def _on_paint(self, event: Any) -> None:
        self._history.note_stroke(event.source, event.value)

    def _selected_labels(self) -> Labels | None:
        layer = self._viewer.layers.selection.active
        return layer if layer is not None and _is_labels(layer) else None


_IN_USE: WeakKeyDictionary[ViewerModel, UndoKeys] = WeakKeyDictionary()


def undo_keys_of(viewer: ViewerModel, history: History) -> UndoKeys:
    """Return the undo keys of a viewer, bound on first use, for another widget that wants them."""
    keys = _IN_USE.get(viewer)
    if keys is None or not keys.users:
        keys = _IN_USE[viewer] = UndoKeys(viewer, history)
    else:
        keys.users += 1
    return keys


def _is_labels(layer: Layer) -> bool:
    from napari.layers import Labels

    return isinstance(layer, Labels)
