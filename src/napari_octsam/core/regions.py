"""Connected regions of a mask, and the pixel that lies deepest in one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from napari_octsam.core.masks import EIGHT_CONNECTED, Mask

__all__ = ["deepest_pixel", "largest_region", "pieces"]


def deepest_pixel(mask: Mask) -> tuple[int, int]:
    """Return (row, col) of the pixel of an (H, W) mask that is farthest from what is outside."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), mask.shape)
    return int(row), int(col)


def pieces(mask: Mask) -> Iterator[Mask]:
    """Yield each 8-connected component of an (H, W) mask."""
    numbers, count = ndimage.label(mask, EIGHT_CONNECTED)
    for number in range(1, count + 1):
        yield np.asarray(numbers == number)


def largest_region(mask: Mask) -> Mask:
    """Return the largest 8-connected component of an (H, W) mask; empty where there is none."""
    numbers, count = ndimage.label(mask, EIGHT_CONNECTED)
    if count < 2:
        return mask
    sizes = np.bincount(numbers.ravel())
    sizes[0] = 0
    return np.asarray(numbers == sizes.argmax())
