"""What the model takes the pixels of B-scans for, asked once for each and kept at hand."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_octsam.core.errors import UserError
from napari_octsam.core.retracing import costs_from_probabilities
from napari_octsam.engine.predict.messages import BScan, Name
from napari_octsam.gui.labelling.labeller import why_not_named
from napari_octsam.gui.layers.bscans import read_bscan

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.labelling import NamedPixels, Probabilities
    from napari_octsam.core.tracing import Costs
    from napari_octsam.gui.correcting.edited_bscan import EditedBScan
    from napari_octsam.gui.session.session import Session

__all__ = ["ModelSight"]

_MOST = 3  # B-scans: of 496 x 768 with seven layers, each takes 12 MB

Key = tuple[int, tuple[int, ...], str]


class ModelSight:
    """Asks the engine in the background, where a model is loaded that names the schema's classes.

    Parameters
    ----------
    session
        Of the viewer.
    """

    arrived = Signal()
    """What was asked for is at hand, for `of`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: OrderedDict[Key, Probabilities] = OrderedDict()
        self._asked: set[Key] = set()
        session.model_changed.connect(self._forget)

    def why_not(self, schema: LabelSchema) -> str:
        """Return why the model in use sees nothing of a schema; "" where it does."""
        model = self._session.model
        return "No model is loaded." if model is None else why_not_named(model, schema)

    def of(self, bscan: EditedBScan) -> Probabilities | None:
        """Return what the model sees on a B-scan, with the vitreous body above; None until then.

        Where it is not known, it is asked for.
        """
        if self.why_not(bscan.schema):
            return None
        try:
            read = read_bscan(bscan.image, bscan.plane)
        except UserError:
            return None
        key = (
            zlib.crc32(np.ascontiguousarray(read.pixels).data),
            read.pixels.shape,
            bscan.schema.name,
        )
        found = self._known.get(key)
        if found is None:
            self._ask(key, read, bscan.schema)
            return None
        self._known.move_to_end(key)
        return found[:, :, ::-1] if bscan.is_upside_down else found

    def costs(self, bscan: EditedBScan, number: int) -> Costs | None:
        """Return what the rows of a B-scan cost as a boundary by what the model sees, as `of`."""
        seen = self.of(bscan)
        return None if seen is None else costs_from_probabilities(seen, bscan.schema, number)

    def ask(
        self,
        bscan: BScan,
        schema: LabelSchema,
        done: Callable[[Probabilities], object],
        failed: Callable[[str], object],
    ) -> None:
        """Ask for what the model sees on a B-scan as it lies in its layer, and keep nothing."""

        def unpack(found: NamedPixels) -> None:
            self._session.read(lambda: found.by_column, done, failed)

        self._session.submit(Name(bscan, schema), unpack, failed, background=True)

    def close(self) -> None:
        """Ask for nothing more."""
        self._session.model_changed.disconnect(self._forget, missing_ok=True)
        self._known.clear()
        self._asked.clear()

    def _ask(self, key: Key, bscan: BScan, schema: LabelSchema) -> None:
        if key in self._asked:
            return
        self._asked.add(key)
        self.ask(bscan, schema, partial(self._take, key), partial(self._fail, key))

    def _take(self, key: Key, found: Probabilities) -> None:
        if key not in self._asked:
            return  # of another model, or nobody wants it any more
        self._asked.discard(key)
        self._known[key] = np.ascontiguousarray(found)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        self.arrived.emit()

    def _fail(self, key: Key, _sentence: str) -> None:
        """Leave it: the session tells why, and edges of the image do as well."""
        self._asked.discard(key)

    def _forget(self, _model: object) -> None:
        self._known.clear()
        self._asked.clear()
