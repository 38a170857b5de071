"""The brush is kept to some classes, or to the layer in which a stroke begins."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.gui.session.stroke_guard import Rule, StrokeGuard

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

    from napari_octsam.gui.session.session import Session

__all__ = ["BrushLimits", "Limit", "layer_around"]


class Limit(StrEnum):
    """What a person's strokes may change."""

    NOTHING = "everything"
    """They may change all."""
    BETWEEN = "only some classes"
    """Only pixels of chosen classes, so that the others keep theirs."""
    INSIDE = "only the layer that is clicked"
    """Only pixels of the layer in which the stroke begins, and of what lies inside that layer."""


class BrushLimits(StrokeGuard):
    """Keeps strokes of one labels layer within a limit; steps of the plugin go by as they are.

    Parameters
    ----------
    viewer
        Where the layer is.
    session
        Of the viewer.
    """

    told = "Only what the brush is kept to was painted."

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        super().__init__(viewer)
        self._session = session
        self._labels: Labels | None = None
        self._clicked: frozenset[int] = frozenset()
        self.limit = Limit.NOTHING
        self.over: frozenset[int] = frozenset()
        """Label values that `Limit.BETWEEN` lets a stroke change."""

    def follow(self, labels: Labels | None) -> None:
        """Keep the strokes of a labels layer."""
        if labels is self._labels:
            return
        if self._labels is not None and self._on_press in self._labels.mouse_drag_callbacks:
            self._labels.mouse_drag_callbacks.remove(self._on_press)
        self._labels = labels
        if labels is not None:
            labels.mouse_drag_callbacks.insert(0, self._on_press)

    def close(self) -> None:
        """Keep nothing any more."""
        self.follow(None)
        super().close()

    def rule_for(self, labels: Labels) -> Rule | None:
        """Return what keeps pixels beyond the limit, where one is set and a person paints."""
        is_free = self.limit is Limit.NOTHING or self._session.history.is_writing
        if is_free or labels is not self._labels:
            return None
        allowed = list(self.over if self.limit is Limit.BETWEEN else self._clicked)
        return lambda change: ~np.isin(change.before, allowed)

    def _on_press(self, labels: Labels, event: Any) -> None:
        """Note the layer that the mouse is in, before anything is painted."""
        value = labels.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        self._clicked = layer_around(value, self._session.schema)


def layer_around(value: int | None, schema: LabelSchema) -> frozenset[int]:
    """Return the label values of the layer that a pixel is of: its own, and what lies inside.

    A pixel without a label is of all that is not labelled; None, outside of the layer, of nothing.
    """
    if value is None:
        return frozenset()
    if value in (0, NOT_LABELLED):
        return frozenset((0, NOT_LABELLED))
    homes: Collection[int] = next((s.members for s in schema.stack if value in s.members), (value,))
    return frozenset(homes)
