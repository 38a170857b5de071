"""Each connected piece of a class as something to find by itself: a pocket of fluid, a cyst."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.regions import pieces
from napari_octsam.data.pairs import LabelledBScan

__all__ = ["pieces_of"]


def pieces_of(bscan: LabelledBScan, schema: LabelSchema, smallest: int) -> Iterator[LabelledBScan]:
    """Yield the B-scan once for each 8-connected piece of each class, with that piece's label only.

    Parameters
    ----------
    smallest
        Pixels of a piece that is asked for; smaller ones are left out.
    """
    unknown = bscan.labels == NOT_LABELLED
    number = 0
    for label in schema.foreground:
        for piece in pieces(bscan.labels == label.value):
            if np.count_nonzero(piece) < smallest:
                continue
            number += 1
            labels = np.where(piece, label.value, np.where(unknown, NOT_LABELLED, 0))
            name = f"{bscan.name}, piece {number}"
            yield LabelledBScan(name, bscan.image, labels.astype(np.uint8))
