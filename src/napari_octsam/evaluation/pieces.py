"""Each connected piece of a class as something to find by itself: a pocket of fluid, a cyst."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.io.pairs import LabelledBScan

__all__ = ["pieces_of"]


def pieces_of(bscan: LabelledBScan, schema: LabelSchema, smallest: int) -> Iterator[LabelledBScan]:
    """Yield the B-scan once for each 8-connected piece of each class, with that piece's label only.

    Parameters
    ----------
    smallest
        Pixels of a piece that is asked for; smaller ones are left out.
    """
    number = 0
    for label in schema.foreground:
        components, count = ndimage.label(bscan.labels == label.value, EIGHT_CONNECTED)
        sizes = np.bincount(components.ravel(), minlength=count + 1)
        for each in np.flatnonzero(sizes[1:] >= smallest) + 1:
            number += 1
            labels = np.where(bscan.labels == NOT_LABELLED, NOT_LABELLED, 0).astype(np.uint8)
            labels[components == each] = label.value
            yield LabelledBScan(f"{bscan.name}, piece {number}", bscan.image, labels)
