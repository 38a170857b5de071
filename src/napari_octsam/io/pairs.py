"""Folders of B-scans and their masks: `images/` and `masks/` with files of the same names."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import times
from napari_octsam.io.dataset import Item
from napari_octsam.io.pairing import pair_up

__all__ = ["LabelledBScan", "read_pairs"]

_LABELS = "labels"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBScan:
    """A B-scan with its labels.

    Parameters
    ----------
    name
        File name without suffix.
    image
        (H, W) uint8 grey.
    labels
        (H, W) uint8 label values.
    """

    name: str
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def read_pairs(folder: Path, pattern: str = "*") -> list[LabelledBScan]:
    """Read every pair whose name matches `pattern`, in natural order.

    Raises
    ------
    UserError
        A mask is missing, of another size or cannot be read, or no image matches.
    """
    found = pair_up(folder / "images", folder / "masks", _LABELS)
    for problem in found.problems:
        if not problem.names or any(fnmatchcase(name, pattern) for name in problem.names):
            raise UserError(problem.text)
    items = [item for item in found.items if fnmatchcase(item.name, pattern)]
    if not items:
        raise UserError(f"{folder} has no images/{pattern} with masks to read.")
    return [_read_pair(item) for item in items]


def _read_pair(item: Item) -> LabelledBScan:
    image, labels = item.read_image(), item.read_maps()[_LABELS]
    if image.shape != labels.shape:
        path = item.image.path
        raise UserError(f"{path} is {times(image.shape)}, but its mask {times(labels.shape)}.")
    return LabelledBScan(item.name, image, labels)
