"""Folders of B-scans and their masks: `images/*.png` with `masks/*.png` of the same names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.io.pictures import read_picture

__all__ = ["LabelledBScan", "read_pairs"]


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
    """Read every pair whose file name (without suffix) matches `pattern`, sorted by name.

    Raises
    ------
    UserError
        A mask is missing or of another size, or no image matches.
    """
    images = sorted((folder / "images").glob(f"{pattern}.png"))
    if not images:
        raise UserError(f"{folder} has no images/{pattern}.png to read.")
    return [_read_pair(image, folder / "masks" / image.name) for image in images]


def _read_pair(image_path: Path, mask_path: Path) -> LabelledBScan:
    if not mask_path.is_file():
        raise UserError(f"{image_path} has no mask {mask_path}.")
    image = normalised(as_grey(read_picture(image_path)))
    labels = as_grey(read_picture(mask_path)).astype(np.uint8)
    if image.shape != labels.shape:
        raise UserError(f"{image_path} is {image.shape}, but its mask is {labels.shape}.")
    return LabelledBScan(image_path.stem, image, labels)
