"""B-scans that nobody labelled: all pictures of a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.data.pictures import PICTURE_SUFFIXES, read_picture

__all__ = ["read_unlabelled"]


def read_unlabelled(folder: Path) -> tuple[npt.NDArray[np.uint8], ...]:
    """Return the B-scans of a folder, (H, W) uint8 grey each, those of its volumes too.

    Raises
    ------
    UserError
        There is none, or one cannot be read.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise UserError(f"{folder} has no pictures of B-scans: name a folder that has some.")
    return tuple(bscan for path in paths for bscan in _bscans_of(path))


def _bscans_of(path: Path) -> list[npt.NDArray[np.uint8]]:
    grey = as_grey(read_picture(path))
    planes = grey.reshape(-1, *grey.shape[-2:])
    return [normalised(plane) for plane in planes]
