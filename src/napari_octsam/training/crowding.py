"""B-scans with more objects than a step takes: worth knowing before a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.data.pairs import LabelledBScan

__all__ = ["count_objects", "crowding_note"]


def crowding_note(bscans: Sequence[LabelledBScan], values: Sequence[int], objects: int) -> str:
    """Return a sentence about the B-scans with more objects than `objects`; "" without one.

    Parameters
    ----------
    values
        Classes to learn.
    """
    counts = {bscan.name: count_objects(bscan.labels, values) for bscan in bscans}
    crowded = {name: count for name, count in counts.items() if count > objects}
    if not crowded:
        return ""
    most = max(crowded, key=lambda name: crowded[name])
    have = "B-scan has" if len(crowded) == 1 else "B-scans have"
    return (
        f"{len(crowded)} {have} more than {objects} objects (pieces of a class), up to "
        f"{crowded[most]} in {most}. Each epoch takes {objects} of a B-scan's, drawn at random and "
        "anew each time; the setting objects takes more at once, and needs more memory."
    )


def count_objects(labels: npt.NDArray[np.uint8], values: Sequence[int]) -> int:
    """Return the number of 8-connected pieces of the classes in (H, W) label values."""
    extents = ndimage.find_objects(labels.astype(np.int32) + 1)  # as 0 would not be looked for
    return sum(
        int(ndimage.label(labels[extents[value]] == value, EIGHT_CONNECTED)[1])
        for value in values
        if value < len(extents) and extents[value] is not None
    )
