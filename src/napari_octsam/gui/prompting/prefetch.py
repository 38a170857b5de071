"""Encoding ahead: the B-scan that is shown, then its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.engine.predict.messages import BScan, Encode, Encoded, LoadedModel
from napari_octsam.gui.layers.bscans import Plane, data_shape, read_bscan

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_octsam.gui.layers.shown import ShownBScan
    from napari_octsam.gui.session.session import Session

__all__ = ["Prefetch"]


class Prefetch:
    """Has the shown B-scan encoded, and its neighbours when nothing else is to be done.

    What is no longer wanted is cancelled as soon as another B-scan is shown.
    """

    failed = Signal(str)
    """Why the shown B-scan cannot be encoded."""
    encoded = Signal(object)
    """The answer, `Encoded`, for the shown B-scan."""

    def __init__(self, session: Session, shown: ShownBScan) -> None:
        self._session = session
        self._shown = shown
        self._pending: list[Future[Any]] = []
        self._generation = 0
        shown.moved.connect(self.cancel)
        shown.settled.connect(self.start)
        session.model_changed.connect(self._restart)

    def start(self) -> None:
        """Encode the shown B-scan now."""
        self.cancel()
        try:
            image, plane = self._shown.chosen(), self._shown.plane()
        except UserError as error:
            self.failed.emit(str(error))
            return
        self._read(image, plane, self._while_wanted(partial(self._encode, image, plane)))

    def cancel(self) -> None:
        """Stop what is pending."""
        self._generation += 1
        for future in self._pending:
            future.cancel()
        self._pending.clear()

    def close(self) -> None:
        """Stop for good."""
        self.cancel()
        self._shown.moved.disconnect(self.cancel)
        self._shown.settled.disconnect(self.start)
        self._session.model_changed.disconnect(self._restart)

    def _restart(self, _model: LoadedModel) -> None:
        if self._shown.image is not None:
            self.start()

    def _while_wanted(self, then: Callable[[Any], object]) -> Callable[[Any], object]:
        """Return `then`, which does nothing once what is asked for now has been cancelled."""
        generation = self._generation
        return lambda answer: then(answer) if generation == self._generation else None

    def _read(self, image: Image, plane: Plane, then: Callable[[Any], object]) -> None:
        failed = self._while_wanted(self.failed.emit)
        self._pending.append(self._session.read(partial(read_bscan, image, plane), then, failed))

    def _encode(self, image: Image, plane: Plane, bscan: BScan) -> None:
        done = self._while_wanted(partial(self._read_neighbours, image, plane))
        failed = self._while_wanted(self.failed.emit)
        self._pending.append(self._session.submit(Encode(bscan), done, failed))

    def _read_neighbours(self, image: Image, plane: Plane, answer: Encoded) -> None:
        self.encoded.emit(answer)
        for neighbour in plane.neighbours(data_shape(image)):
            self._read(image, neighbour, self._while_wanted(self._encode_later))

    def _encode_later(self, bscan: BScan) -> None:
        future = self._session.submit(Encode(bscan), _ignore, _ignore, background=True)
        self._pending.append(future)


def _ignore(_: object) -> None:
    """Do nothing: a neighbour that cannot be encoded matters only once it is shown."""
