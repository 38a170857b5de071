"""The models that were used last, so that two can be compared without loading each time."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from napari_octsam.engine.predict.messages import LoadModel
from napari_octsam.models.model import Model

__all__ = ["RecentModels"]

_KEPT = 2
_MOST_BYTES = 1 << 30  # of one model: two of vit_h would take 5 GB

_Key = tuple[LoadModel, tuple[int, int] | None]


class RecentModels:
    """The last two models by what they were loaded as; a file that has changed is another."""

    def __init__(self) -> None:
        self._models: OrderedDict[_Key, Model] = OrderedDict()

    def get(self, request: LoadModel) -> Model | None:
        """Return the model of a request, where it is still here."""
        return self._models.get(_key(request))

    def put(self, request: LoadModel, model: Model) -> None:
        """Keep a model that is in use now; a large one is left to its user."""
        key = _key(request)
        if _bytes_of(model) > _MOST_BYTES:
            self._models.clear()
            return
        self._models[key] = model
        self._models.move_to_end(key)
        while len(self._models) > _KEPT:
            self._models.popitem(last=False)


def _key(request: LoadModel) -> _Key:
    """Return what tells a model from others: a file's time and size belong to it."""
    try:
        status = Path(request.source).stat()
    except OSError:
        return request, None
    return request, (status.st_mtime_ns, status.st_size)


def _bytes_of(model: Model) -> int:
    return sum(value.nbytes for value in model.network.state_dict().values())
