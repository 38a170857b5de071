"""The point that a person adds first when they see a mask that is wrong."""

from __future__ import annotations

import numpy as np

from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Point
from napari_octsam.core.regions import deepest_pixel, largest_region

__all__ = ["correction"]


def correction(truth: Mask, found: Mask, ignored: Mask | None = None) -> Point | None:
    """Return a point deep in the largest region that is missed or falsely found, if any is.

    Parameters
    ----------
    truth, found
        (H, W) bool.
    ignored
        (H, W) bool, pixels that do not count.
    """
    counts = True if ignored is None else ~ignored
    missed = largest_region(truth & ~found & counts)
    surplus = largest_region(found & ~truth & counts)
    positive = np.count_nonzero(missed) >= np.count_nonzero(surplus)
    wrong = missed if positive else surplus
    if not wrong.any():
        return None
    row, col = deepest_pixel(wrong)
    return Point(float(row), float(col), bool(positive))
