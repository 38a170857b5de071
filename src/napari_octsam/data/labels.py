"""Label pictures: one class value a pixel, however the file writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.data.devices.opening import is_device_file
from napari_octsam.data.pictures import PICTURE_SUFFIXES, Picture, is_rgb, open_picture
from napari_octsam.data.tiffs import indices_in_tiff, shows_zero_as_white

__all__ = ["LABEL_SUFFIXES", "ONLY_255", "marks_with_255", "open_labels", "read_labels"]

ONLY_255 = (
    f"{NOT_LABELLED} means not labelled: where it marks an object, write the value of its class "
    "in its place."
)
"""What is to be said of masks that have no class."""

_LOSSY = (".jpg", ".jpeg")
_TIFF = (".tif", ".tiff")
LABEL_SUFFIXES = tuple(suffix for suffix in PICTURE_SUFFIXES if suffix not in _LOSSY)
"""Suffixes of the files that `read_labels` reads."""


def read_labels(path: Path) -> npt.NDArray[Any]:
    """Read class values whole, as `open_labels` opens them; UserError where they cannot be read."""
    return np.asanyarray(open_labels(path))


def open_labels(path: Path) -> Picture:
    """Open class values of a picture: whole numbers, (H, W) or with more axes before.

    A colour picture must have the value in each channel. In a PNG or TIFF with a palette it is the
    index, unless the palette is grey.

    Raises
    ------
    UserError
        The file cannot be read, is a JPEG, of a device, or a TIFF that shows 0 as white, or has
        colours or fractions.
    """
    if path.suffix.lower() in _LOSSY:
        raise UserError(f"{path} is a JPEG, which changes label values: save masks as PNG.")
    if is_device_file(path):
        raise UserError(f"{path} is a file of a device, no labels: these are PNG, TIFF or NPY.")
    opened = open_picture(path)
    if path.suffix.lower() in _TIFF and shows_zero_as_white(path):
        raise UserError(
            f"{path} shows 0 as white, so that its values are not sure to be classes: save the "
            "mask with 0 as black (MinIsBlack)."
        )
    if opened.dtype.kind in "ui" and not is_rgb(opened):
        return opened
    picture = np.asanyarray(opened)
    if is_rgb(picture):
        picture = _one_channel(path, picture)
    if picture.dtype == bool:
        return picture.astype(np.uint8)
    if picture.dtype.kind == "f":
        whole = picture.astype(np.int64) if np.isfinite(picture).all() else None
        if whole is None or (whole != picture).any():
            raise UserError(f"{path} holds fractions or NaN: labels are whole numbers.")
        return whole
    if picture.dtype.kind not in "ui":
        raise UserError(f"{path} holds {picture.dtype} numbers: labels are whole numbers.")
    return picture


def marks_with_255(labels: Picture) -> bool:
    """Whether labels are 0 and 255 only: black and white, as other programs have masks."""
    return bool(np.array_equal(np.unique(labels), (0, NOT_LABELLED)))


def _one_channel(path: Path, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    first = picture[..., 0]
    if (picture[..., :3] == first[..., None]).all():
        return first
    indices = _palette_indices(path)
    if indices is None:
        raise UserError(f"{path} is a colour picture: labels have one class value a pixel.")
    return indices


def _palette_indices(path: Path) -> npt.NDArray[Any] | None:
    if path.suffix.lower() in _TIFF:
        return indices_in_tiff(path)
    if path.suffix.lower() != ".png":
        return None
    with Image.open(path) as file:
        return np.asarray(file) if file.mode == "P" else None
