"""The B-scan that the viewer shows of the chosen image layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from superqt.utils import QSignalDebouncer

from napari_octsam.core.errors import UserError
from napari_octsam.gui.layers.bscans import Plane, shown_plane
from napari_octsam.gui.layers.made_by_device import is_bscans

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["SETTLE_TIME", "ShownBScan"]

SETTLE_TIME = 120
"""Milliseconds that a B-scan must be shown before work on it begins."""


class ShownBScan:
    """Follows the sliders and the image layer.

    Parameters
    ----------
    viewer
        Must have an event loop around it.
    """

    moved = Signal()
    """Another B-scan is shown, or other pixels of it: what was computed is stale."""
    settled = Signal()
    """It has been shown for `SETTLE_TIME`."""
    image_changed = Signal()
    """Another image layer is followed, or none any more."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._image: Image | None = None
        self._last: Plane | None = None
        self._timer = QSignalDebouncer()
        self._timer.setTimeout(SETTLE_TIME)
        self._timer.triggered.connect(self.settled.emit)
        for event in (viewer.dims.events.point, viewer.dims.events.order):
            event.connect(self._look)
        viewer.dims.events.ndisplay.connect(self._look)
        viewer.layers.events.removed.connect(self._forget)

    @property
    def image(self) -> Image | None:
        """The image layer that is followed."""
        return self._image

    @image.setter
    def image(self, image: Image | None) -> None:
        if image is self._image:
            return
        if self._image is not None:
            self._image.events.data.disconnect(self._move)
        self._image = image
        if image is not None:
            image.events.data.connect(self._move)
        self._last = self._plane_or_none()
        self._move()
        self.image_changed.emit()

    def take_first(self) -> None:
        """Follow the image that is selected, or the topmost one, where none is followed."""
        from napari.layers import Image

        layers = self._viewer.layers
        images = [each for each in layers if isinstance(each, Image) and is_bscans(each)]
        active = layers.selection.active
        if self.image is None and images:
            self.image = active if active in images else images[-1]

    def plane(self) -> Plane:
        """Return the plane that is shown.

        Raises
        ------
        UserError
            There is no image, or the view shows no B-scan of it.
        """
        return shown_plane(self.chosen(), self._viewer.dims)

    def chosen(self) -> Image:
        """Return the image layer; UserError where none is chosen."""
        if self._image is None:
            raise UserError("There is no image: open a B-scan, then choose it here.")
        return self._image

    def go_to(self, plane: Plane) -> None:
        """Move the sliders to a plane of the image."""
        image, dims = self.chosen(), self._viewer.dims
        corner = np.zeros(image.ndim)
        corner[list(plane.others)] = plane.index
        world = dict(enumerate(image.data_to_world(corner), start=dims.ndim - image.ndim))
        axes = [axis for axis in dims.not_displayed if axis in world]
        if axes and plane != self._last:
            dims.set_point(axes, [world[axis] for axis in axes])

    def close(self) -> None:
        """Follow nothing any more."""
        self.settled.disconnect()  # the timer may run out yet, or be gone with its window
        events = self._viewer.dims.events
        for event in (events.point, events.order, events.ndisplay):
            event.disconnect(self._look)
        self._viewer.layers.events.removed.disconnect(self._forget)
        if self._image is not None:
            self._image.events.data.disconnect(self._move)

    def _plane_or_none(self) -> Plane | None:
        try:
            return self.plane()
        except UserError:
            return None

    def _look(self, _event: Any = None) -> None:
        plane = self._plane_or_none()
        if plane != self._last:
            self._last = plane
            self._move()

    def _move(self, _event: Any = None) -> None:
        self.moved.emit()
        self._timer.throttle()

    def _forget(self, event: Any) -> None:
        if event.value is self._image:
            self.image = None
