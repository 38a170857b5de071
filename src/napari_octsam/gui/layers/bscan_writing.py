"""Whole B-scans of labels layers, written in place and kept small enough to be taken back."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["BScanChange", "content_sum", "write_bscan"]

_QUICK = 1  # zlib's level: labels shrink to a hundredth


@dataclass(frozen=True, slots=True, eq=False)
class BScanChange:
    """What a write has changed in one B-scan: napari's own history would hold 25 bytes a pixel.

    Parameters
    ----------
    index
        Of the B-scan.
    difference
        Labels before XOR labels after, compressed.
    before, after
        `content_sum` then.
    """

    index: tuple[int, ...]
    difference: bytes
    before: int
    after: int

    def take_back(self, labels: Labels) -> bool:
        """Bring the labels of before back; return whether that is how they are now."""
        return self._bring(labels, self.after, self.before)

    def do_again(self, labels: Labels) -> bool:
        """Bring the labels of after back; return whether that is how they are now."""
        return self._bring(labels, self.before, self.after)

    def touches(self, labels: Labels, classes: Collection[int]) -> bool:
        """Whether bringing it back or forth would take a pixel of some classes, or add one."""
        if content_sum(labels, self.index) not in (self.before, self.after):
            return False  # it is brought neither way
        now = labels.data[self.index]
        other, values = now ^ self._difference(now), list(classes)
        changed = now != other
        return bool((np.isin(now[changed], values) | np.isin(other[changed], values)).any())

    def _bring(self, labels: Labels, expected: int, wanted: int) -> bool:
        found = content_sum(labels, self.index)
        if found == wanted:
            return True
        if found != expected:
            return False
        bscan = labels.data[self.index]
        labels.data[self.index] = bscan ^ self._difference(bscan)
        return True

    def _difference(self, bscan: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        flat = np.frombuffer(zlib.decompress(self.difference), bscan.dtype)
        return flat.reshape(bscan.shape)


def write_bscan(
    labels: Labels, index: tuple[int, ...], wanted: npt.NDArray[np.integer]
) -> BScanChange:
    """Write a B-scan into a labels layer, of a numpy or zarr array; napari is not told.

    Returns
    -------
    What was changed, which may be nothing.
    """
    bscan = labels.data[index]
    difference = bscan ^ wanted.astype(bscan.dtype, copy=False)
    before = content_sum(labels, index)
    labels.data[index] = bscan ^ difference
    compressed = zlib.compress(difference.tobytes(), _QUICK)
    return BScanChange(index, compressed, before, content_sum(labels, index))


def content_sum(labels: Labels, index: tuple[int, ...]) -> int:
    """Return a number that tells the labels of a B-scan from others."""
    return zlib.crc32(np.ascontiguousarray(labels.data[index]).data)
