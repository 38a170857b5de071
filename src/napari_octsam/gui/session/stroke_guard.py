"""What may not be changed stays as it is, whatever paints on it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_octsam.gui.layers.painted import Painted, painted

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

__all__ = ["Rule", "StrokeGuard"]

Rule = Callable[[Painted], npt.NDArray[np.bool_]]
"""Returns which of the N pixels of a change stay as they were."""


class StrokeGuard:
    """Puts pixels back that may not be changed, within the same step of napari's history.

    It sees every write that goes through that history: brush, fill, polygon, eraser, and those of
    the plugin. Undoing and redoing such a step leaves these pixels alone too. A subclass says which
    they are in `rule_for`.

    Parameters
    ----------
    viewer
        Whose labels layers are guarded.
    """

    kept = Signal(str)
    """A sentence: what was painted on stays."""

    told = ""
    """That sentence."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer: ViewerModel = weakref.proxy(viewer)  # the session must not keep it alive
        self._pending: list[tuple[Labels, Painted]] = []  # told of before it is painted
        for layer in viewer.layers:
            self._follow(layer)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Guard nothing any more."""
        with suppress(ReferenceError):  # the viewer is gone
            self._viewer.layers.events.inserted.disconnect(self._on_inserted)
            self._viewer.layers.events.removed.disconnect(self._on_removed)
            for layer in self._viewer.layers:
                self._leave(layer)

    def rule_for(self, labels: Labels) -> Rule | None:
        """Return what says which pixels stay as they were; None where all of a layer may change."""
        raise NotImplementedError

    def _follow(self, layer: Layer) -> None:
        if _is_labels(layer):
            layer.events.paint.connect(self._on_paint, position="first")
            layer.events.labels_update.connect(self._put_back, position="first")

    def _leave(self, layer: Layer) -> None:
        if _is_labels(layer):
            layer.events.paint.disconnect(self._on_paint)
            layer.events.labels_update.disconnect(self._put_back)

    def _on_inserted(self, event: Any) -> None:
        self._follow(event.value)

    def _on_removed(self, event: Any) -> None:
        self._leave(event.value)

    def _on_paint(self, event: Any) -> None:
        labels, step = event.source, event.value
        rule = self.rule_for(labels)
        if rule is None:
            return
        change = painted(labels, step)
        stays = rule(change)
        if not stays.any():
            return
        kept = change.part(stays)
        step.append((kept.indices, kept.after, kept.before))  # it is the list that napari keeps
        self._pending.append((labels, kept))
        if np.array_equal(labels.data[kept.indices], kept.after):
            self._put_back()
        else:
            QTimer.singleShot(0, self._put_back)  # at the latest
        self.kept.emit(self.told)

    def _put_back(self, _event: Any = None) -> None:
        pending, self._pending = self._pending, []
        for labels, kept in pending:
            labels.data[kept.indices] = kept.before
            labels.refresh()


def _is_labels(layer: Layer) -> bool:
    from napari.layers import Labels

    return isinstance(layer, Labels)
