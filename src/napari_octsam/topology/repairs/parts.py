"""Pieces and holes that are one too many, with their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_octsam.core.classes import LabelClass, LabelSchema, LabelUnion
from napari_octsam.core.masks import EIGHT_CONNECTED, Mask
from napari_octsam.topology.persistence.truth import true_topology
from napari_octsam.topology.repairs.finding import Labels
from napari_octsam.topology.report import Part, surplus_parts

__all__ = ["SMALLEST", "OddPart", "odd_parts", "rim_value", "specks"]

SMALLEST = 8
"""Pixels of a lesion; what is smaller is a speck."""

_CROSS = ndimage.generate_binary_structure(2, 1)


@dataclass(frozen=True, slots=True, eq=False)
class OddPart:
    """A piece or a hole that is one too many.

    Parameters
    ----------
    values
        Of the class, or of the classes that are looked at together.
    mask
        (H, W) its pixels.
    stands_alone
        Of a piece: whether in most of its columns there is no other of its class.
    """

    name: str
    values: tuple[int, ...]
    part: Part
    mask: Mask
    stands_alone: bool


def odd_parts(labels: Labels, schema: LabelSchema) -> Iterator[OddPart]:
    """Yield what is one too many of each class, then of classes together."""
    groups: tuple[LabelClass | LabelUnion, ...] = (*schema.foreground, *schema.unions)
    for group in groups:
        values = (group.value,) if isinstance(group, LabelClass) else group.values
        name = group.short if isinstance(group, LabelClass) else group.name
        mask = np.isin(labels, values)
        if not mask.any():
            continue
        found = surplus_parts(true_topology(mask), group)
        parts = [(each.part, each.mask) for each in found]
        largest = mask.copy()
        for part, pixels in parts:
            if part.kind == "component":
                largest &= ~pixels
        for part, pixels in parts:
            shown = np.asarray(largest.any(axis=0))
            alone = ~shown[pixels.any(axis=0)]
            yield OddPart(name, values, part, pixels, bool(alone.mean() > 0.5))


def specks(labels: Labels, value: int) -> Iterator[Mask]:
    """Yield the (H, W) pixels of each piece of a class that is smaller than `SMALLEST`."""
    numbers, count = ndimage.label(labels == value, EIGHT_CONNECTED)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)
    for number in np.flatnonzero(sizes[1:] < SMALLEST) + 1:
        yield np.asarray(numbers == number)


def rim_value(labels: Labels, mask: Mask) -> int:
    """Return the label that is most frequent right around a mask; 0 where nothing is."""
    around = labels[ndimage.binary_dilation(mask, _CROSS) & ~mask]
    return int(np.bincount(around).argmax()) if around.size else 0
