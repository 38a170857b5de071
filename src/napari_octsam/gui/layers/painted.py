"""What a step of napari's own history has changed in a labels layer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["Painted", "painted"]


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """Pixels of a labels layer that are others after a step than before it.

    Parameters
    ----------
    indices
        One array of N integers for each axis of the layer.
    before, after
        (N,) values of these pixels.
    """

    indices: tuple[npt.NDArray[np.intp], ...]
    before: npt.NDArray[np.integer]
    after: npt.NDArray[np.integer]

    def part(self, chosen: npt.NDArray[np.bool_]) -> Painted:
        """Return those of the pixels that are chosen, (N,)."""
        indices = tuple(axis[chosen] for axis in self.indices)
        return Painted(indices, self.before[chosen], self.after[chosen])

    def touches(
        self, classes: Collection[int], bscans: Collection[tuple[int, ...]]
    ) -> npt.NDArray[np.bool_]:
        """Return which of the pixels come from, or go to, some classes, or lie on some B-scans."""
        values = list(classes)
        touched = np.isin(self.before, values) | np.isin(self.after, values)
        for bscan in bscans:
            here = np.ones(touched.shape, bool)
            for axis, place in zip(self.indices, bscan, strict=False):  # rows and columns remain
                here &= axis == place
            touched |= here
        return touched


def painted(labels: Labels, step: Sequence[Any]) -> Painted:
    """Return what a step of napari's history changes all in all.

    Parameters
    ----------
    step
        The value of a `paint` event: changes, one after the other.
    """
    shape = labels.data.shape
    parts = [_pixels(atom) for atom in step]
    places = np.concatenate([np.ravel_multi_index(indices, shape) for indices, _, _ in parts])
    before = np.concatenate([values for _, values, _ in parts])
    after = np.concatenate([values for _, _, values in parts])
    unique, first = np.unique(places, return_index=True)
    last = len(places) - 1 - np.unique(places[::-1], return_index=True)[1]
    differ = before[first] != after[last]
    indices = np.unravel_index(unique[differ], shape)
    return Painted(tuple(indices), before[first][differ], after[last][differ])


def _pixels(
    atom: Any,
) -> tuple[tuple[npt.NDArray[np.intp], ...], npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Return the pixels of one change, with their values before and after it."""
    if len(atom) == 3:
        indices, before, after = atom
        before = np.asarray(before).ravel()
        where = tuple(np.asarray(axis).ravel() for axis in indices)
        return where, before, np.broadcast_to(after, before.shape)
    box, mask, before, after = atom
    shape = tuple(part.stop - part.start for part in box)
    inside = np.nonzero(np.ones(shape, bool) if mask is None else mask)
    before = np.asarray(before)[inside] if mask is None else np.asarray(before)
    where = tuple(axis + part.start for axis, part in zip(inside, box, strict=True))
    return where, before, np.full(before.shape, after, before.dtype)
