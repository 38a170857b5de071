"""Layers whose classes were taken for one another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.masks import Mask
from napari_octsam.core.wording import counted, listed
from napari_octsam.topology.repairs.finding import Finding, Kind, Labels, finding

__all__ = ["find_swapped"]

_SURE = 0.9  # of the columns that show both


def find_swapped(labels: Labels, schema: LabelSchema) -> Finding | None:
    """Return which layers lie in each other's place in nearly every column, if any do."""
    depths = {}
    for layer in schema.layers:
        mask = labels == layer.value
        if mask.any():
            depths[layer.value] = _mean_rows(mask)
    expected = list(depths)
    found = sorted(expected, key=lambda value: float(np.nanmean(depths[value])))
    moved = [value for value, place in zip(found, expected, strict=True) if value != place]
    for number, above in enumerate(found):
        for below in found[number + 1 :]:
            both = np.isfinite(depths[above]) & np.isfinite(depths[below])
            in_order = expected.index(above) < expected.index(below)
            holds = depths[above][both] < depths[below][both]
            if not in_order and not (both.any() and holds.mean() > _SURE):
                return None
    if not moved:
        return None
    mapping = np.arange(256, dtype=np.uint8)
    mapping[found] = expected
    changed = np.isin(labels, moved)
    names = listed([schema[value].short for value in sorted(moved)], "and")
    pixels = counted(int(changed.sum()), "pixel")
    text = f"{names} lie in each other's place: {pixels} get the class that belongs there."
    return finding(Kind.SWAPPED, text, None, changed, mapping[labels])


def _mean_rows(mask: Mask) -> npt.NDArray[np.float64]:
    """Return the mean row of an (H, W) mask in each column, NaN where it is not."""
    pixels = mask.sum(axis=0)
    rows = (np.arange(len(mask))[:, None] * mask).sum(axis=0)
    return np.where(pixels > 0, rows / np.maximum(pixels, 1), np.nan)
