"""The boundaries of the B-scan in view, as lines that follow its labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_octsam.core.errors import UserError
from napari_octsam.gui.correcting.boundary_lines import BoundaryLines

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

    from napari_octsam.core.boundaries import Boundaries
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan, Values

__all__ = ["BoundariesInView"]

_REST = 80  # milliseconds after which labels that others change are read again


class BoundariesInView:
    """Shows boundaries, and reads them again where the slider or labels are others.

    Parameters
    ----------
    viewer
        The viewer itself, not its proxy.
    bscan
        Gives the B-scan in view; UserError where there is none to correct.
    """

    changed = Signal()
    """Others are shown: what was begun with those before is stale."""
    ended = Signal(str)
    """Nothing can be shown any more: why, in a sentence; "" where the person took the lines."""
    told = Signal(str)
    """A sentence for the person."""

    def __init__(self, viewer: ViewerModel, bscan: Callable[[], EditedBScan]) -> None:
        self._viewer = viewer
        self._find = bscan
        self._lines = BoundaryLines(viewer)
        self._bscan: EditedBScan | None = None
        self._labels: Values | None = None
        self._boundaries: Boundaries | None = None
        self._preview: Boundaries | None = None
        self.is_held = False
        """Whether labels that others change are left unread, as in a drag."""
        self._timer = QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REST)
        self._timer.timeout.connect(self._reload)

    @property
    def bscan(self) -> EditedBScan | None:
        """The B-scan; None while nothing is shown."""
        return self._bscan

    @property
    def labels(self) -> Values | None:
        """Its (H, W) labels, as they were read."""
        return self._labels

    @property
    def boundaries(self) -> Boundaries | None:
        """Those of the labels."""
        return self._boundaries

    @property
    def shown(self) -> Boundaries | None:
        """Those that are drawn now."""
        return self._boundaries if self._preview is None else self._preview

    @property
    def layer(self) -> Vectors | None:
        """The layer with the lines."""
        return self._lines.layer

    def start(self) -> Vectors:
        """Show the boundaries of the B-scan in view; return their layer.

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
        self._viewer.dims.events.point.connect(self._reload)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._follow(bscan)
        return layer

    def stop(self) -> EditedBScan | None:
        """Take the lines away, and return the B-scan that they were of."""
        bscan, self._bscan = self._bscan, None
        if bscan is None:
            return None
        self._timer.stop()
        self.is_held = False
        self._boundaries = self._preview = self._labels = None
        self._unfollow(bscan)
        self._viewer.dims.events.point.disconnect(self._reload)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._lines.remove()
        return bscan

    def draw(self, boundaries: Boundaries | None) -> None:
        """Draw boundaries where they might be; None draws those of the labels."""
        drawn = self._boundaries if boundaries is None else boundaries
        if drawn is not None and self._bscan is not None:
            self._preview = None if drawn is self._boundaries else drawn
            self._lines.move(drawn)

    def light(self, number: int | None) -> None:
        """Have one boundary stand out, or none."""
        self._lines.light(number)

    def read(self) -> None:
        """Read the labels again that were just written."""
        if self._bscan is not None:
            self._take(self._bscan, self._bscan.boundaries)
            assert self._boundaries is not None  # for mypy
            self._lines.show(self._bscan, self._boundaries)

    def _take(self, bscan: EditedBScan, boundaries: Boundaries) -> None:
        self._bscan, self._boundaries, self._preview = bscan, boundaries, None
        self._labels = bscan.values

    def _follow(self, bscan: EditedBScan) -> None:
        for event in (bscan.labels.events.set_data, bscan.labels.events.paint):
            event.connect(self._on_labels)

    def _unfollow(self, bscan: EditedBScan) -> None:
        for event in (bscan.labels.events.set_data, bscan.labels.events.paint):
            event.disconnect(self._on_labels)

    def _on_labels(self, _event: Any = None) -> None:
        if not self.is_held:
            self._timer.start()

    def _on_removed(self, event: Any) -> None:
        bscan = self._bscan
        if bscan is None:
            return
        if event.value in (bscan.labels, bscan.image):
            self.ended.emit(f"{event.value.name} is gone: nothing was changed.")
        elif event.value is self.layer:
            self.ended.emit("")

    def _reload(self, _event: Any = None) -> None:
        """Read the B-scan in view again: it is another, or its labels are."""
        before = self._bscan
        if before is None:
            return
        try:
            bscan = self._find()
        except UserError as error:
            self.ended.emit(str(error))
            return
        is_same = bscan.labels is before.labels and bscan.index == before.index
        if is_same and self._labels is not None and np.array_equal(bscan.values, self._labels):
            return
        if bscan.labels is not before.labels:
            self._unfollow(before)
            self._follow(bscan)
        boundaries = bscan.boundaries
        self._take(bscan, boundaries)
        self.changed.emit()
        self._lines.show(bscan, boundaries)
        if np.isnan(boundaries).all():
            self.told.emit(_why_none(bscan))


def _why_none(bscan: EditedBScan) -> str:
    schema = bscan.schema
    if not schema.stack:
        return f"The schema {schema.name} has no layers, so there is no boundary to move."
    layers = [value for step in schema.layers for value in step.members]
    if np.isin(bscan.values, layers).any():
        return "The layers are out of order in every column here: repair that first."
    return "This B-scan has no layers yet: label it first."
