"""Phantoms as a data set, each its own patient: to try a training, or to judge a model on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import bundled_schema
from napari_octsam.data.dataset import Dataset, Item
from napari_octsam.phantoms.bscan import Phantom, make_phantom

__all__ = ["phantom_dataset"]

_MAPS: dict[str, Callable[[Phantom], npt.NDArray[np.uint8]]] = {
    "oct14": lambda phantom: phantom.labels,
    "layers7": lambda phantom: phantom.layers,
}


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One plane of a phantom, drawn when it is read."""

    seed: int
    shape: tuple[int, int]
    plane: Callable[[Phantom], npt.NDArray[np.uint8]]

    @property
    def path(self) -> Path:
        """What messages call it."""
        return Path(_name(self.seed))

    def read(self) -> npt.NDArray[np.uint8]:
        """Return the plane."""
        return self.plane(_drawn(self.seed, self.shape))


def phantom_dataset(count: int, seed: int, shape: tuple[int, int]) -> Dataset:
    """Return phantoms with their labels of the schemas `oct14` and `layers7`.

    Parameters
    ----------
    count
        Number of phantoms.
    seed
        Of the first; the next have the next ones. As of `make_phantom`.
    shape
        Rows and columns.

    Raises
    ------
    UserError
        As of `make_phantom`, when a phantom is read.
    """
    items = tuple(_item(seed + number, shape) for number in range(count))
    schemas = tuple(bundled_schema(name) for name in _MAPS)
    return Dataset(Path("phantoms"), "phantoms", schemas, items)


def _item(seed: int, shape: tuple[int, int]) -> Item:
    labels = {schema: _Drawing(seed, shape, plane) for schema, plane in _MAPS.items()}
    return Item(_name(seed), _name(seed), _Drawing(seed, shape, lambda p: p.image), labels)


def _name(seed: int) -> str:
    return f"phantom_{seed}"


@lru_cache(maxsize=8)
def _drawn(seed: int, shape: tuple[int, int]) -> Phantom:
    return make_phantom(seed, shape)
