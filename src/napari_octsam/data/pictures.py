"""Pictures: reading a B-scan or a volume of them from a file, writing labels to one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
from numpy.lib.format import MAGIC_PREFIX
from PIL import Image, UnidentifiedImageError

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing, replacing
from napari_octsam.core.images import MAX_SIDE
from napari_octsam.core.reading import check_regular
from napari_octsam.data.devices.opening import DEVICE_SUFFIXES, is_device_file, open_device_file
from napari_octsam.data.lazy import TOO_LARGE, LazyVolume, check_decoded, unreadable
from napari_octsam.data.tiffs import read_tiff

__all__ = [
    "PICTURE_SUFFIXES",
    "SCAN_SUFFIXES",
    "Picture",
    "check_labels_path",
    "has_one_channel",
    "is_deep_colour",
    "is_rgb",
    "is_volume",
    "open_picture",
    "read_picture",
    "read_stored",
    "write_labels",
]

Pixels = npt.NDArray[Any]
Picture = Pixels | LazyVolume
"""Pixels, or a volume whose B-scans are read when they are taken."""

_ANOTHER_KIND = "it is damaged or of another kind"


def is_rgb(picture: Picture) -> bool:
    """Whether the last axis of a picture holds colours; no B-scan is 3 or 4 columns wide."""
    return picture.ndim > 2 and picture.shape[-1] in (3, 4)


def is_volume(picture: Picture) -> bool:
    """Whether a picture holds several B-scans."""
    return picture.ndim - is_rgb(picture) > 2


def read_picture(path: Path) -> Pixels:
    """Read a B-scan or a volume whole, as `open_picture` opens it.

    Plain volumes of NPY and TIFF are mapped read-only: a B-scan is read when it is taken.

    Raises
    ------
    UserError
        As of `open_picture`, or the volume does not fit the memory.
    """
    return np.asanyarray(open_picture(path))


def open_picture(path: Path) -> Picture:
    """Read a B-scan, or open a volume, from PNG, JPEG, TIFF, NPY or a device's file.

    Returns
    -------
    (H, W) or (H, W, 3 or 4), for a volume with more axes before; of the type that the file has.
    A volume of one is a B-scan; a last axis of 1, and alpha beside grey, are left out. A B-scan of
    a volume is read when it is taken.

    Raises
    ------
    UserError
        There is no such file, it is of another kind, too large, or its content cannot be read.
    """
    picture = _open_stored(path)
    if isinstance(picture, LazyVolume):
        return picture
    own = 3 if is_rgb(picture) else 2
    single = set(picture.shape[:-own]) == {1}
    return _native(picture.reshape(picture.shape[-own:]) if single else picture)


def read_stored(path: Path) -> Pixels:
    """Read a picture as `read_picture` does, with all axes before rows and columns.

    An annotation has the axes of its image's layer, in which napari keeps those of 1.
    """
    return np.asanyarray(_open_stored(path))


def _open_stored(path: Path) -> Picture:
    if is_device_file(path):
        bscans = open_device_file(path).bscans
        return np.asarray(bscans[0]) if bscans.shape[0] == 1 else bscans
    reader = _READERS.get(path.suffix.lower())
    size = _size_of(path)
    if reader is None:
        known = ", ".join(SCAN_SUFFIXES)
        raise UserError(f"{path} is not of a kind that can be read: {known}.")
    try:
        if not size:
            raise ValueError("it is empty")
        picture = reader(path)
    except Exception as error:  # readers fail in many ways on broken files: zlib, struct, index ...
        raise unreadable(path, error) from error
    if picture.ndim < 2 or not picture.size:
        raise UserError(f"{path} holds an array of shape {picture.shape}, which is not a picture.")
    if isinstance(picture, LazyVolume):
        return picture
    return _native(picture[..., 0] if has_one_channel(picture) else picture)


def write_labels(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    """Write labels as TIFF, PNG (one B-scan only) or NPY; an old file stays until the new is whole.

    Parameters
    ----------
    labels
        (..., H, W) uint8 class values.

    Raises
    ------
    UserError
        The suffix is another, PNG is asked of a volume, or the file cannot be written.
    """
    writer = _writer(path, volume=labels.ndim > 2)
    with replacing(path) as temporary:
        writer(temporary, labels)


def check_labels_path(path: Path, *, volume: bool = False) -> None:
    """Raise UserError where `write_labels` could not write to `path`, before any work is done."""
    _writer(path, volume)
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} to write {path.name} to.")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"The folder of {path} cannot be written to: name another one.")


def has_one_channel(picture: Pixels) -> bool:
    """Whether the last axis holds grey, alone or with alpha; no B-scan is that narrow."""
    return picture.ndim > 2 and picture.shape[-1] in (1, 2)


def _native(picture: Pixels) -> Pixels:
    """Return a single B-scan in this machine's byte order; `take_bscan` does so for a volume's."""
    own_order = picture.dtype.newbyteorder("=")
    return picture if is_volume(picture) else picture.astype(own_order, copy=False)


def _size_of(path: Path) -> int:
    try:
        return check_regular(path)
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder: name one picture in it.") from error
    except FileNotFoundError as error:
        raise UserError(missing(path)) from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error


def _read_with_pillow(path: Path) -> Pixels:
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
        mode = _check_with_pillow(path)
        if mode == "CMYK":
            with Image.open(path) as file:
                return np.asarray(file.convert("RGB"))
        return np.asarray(iio.imread(path, plugin="pillow"))


def _read_png(path: Path) -> Pixels:
    if not is_deep_colour(path):
        return _read_with_pillow(path)
    import imagecodecs  # late: the widgets open sooner

    _check_with_pillow(path)
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def is_deep_colour(path: Path) -> bool:
    """Whether a PNG has several channels of 16 bit, of which Pillow keeps 8."""
    with path.open("rb") as file:
        head = file.read(26)
    return head[12:16] == b"IHDR" and head[24] == 16 and head[25] != 0


def _check_with_pillow(path: Path) -> str:
    """Return the mode; raise before anything is decoded what imageio does not tell."""
    try:
        with Image.open(path) as file:
            if max(file.size) > MAX_SIDE:
                raise ValueError(TOO_LARGE)
            frames = getattr(file, "n_frames", 1)
            check_decoded((frames, *file.size, len(file.getbands())), np.dtype(np.uint16))
            return file.mode
    except Image.DecompressionBombError as error:
        raise ValueError(TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise ValueError(_ANOTHER_KIND) from error


def _read_npy(path: Path) -> Pixels:
    with path.open("rb") as file:
        if file.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
            raise ValueError(_ANOTHER_KIND)
    picture: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    return picture


def _write_tiff(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    import tifffile

    tifffile.imwrite(path, labels, compression="zlib", photometric="minisblack")


def _write_png(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    path.write_bytes(iio.imwrite("<bytes>", labels, extension=".png"))


def _write_npy(path: Path, labels: npt.NDArray[np.uint8]) -> None:
    np.save(path, labels)


_READERS: dict[str, Callable[[Path], Picture]] = {
    ".png": _read_png,
    ".jpg": _read_with_pillow,
    ".jpeg": _read_with_pillow,
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".npy": _read_npy,
}
PICTURE_SUFFIXES = tuple(_READERS)
"""Suffixes of pictures, as labels have them too."""

SCAN_SUFFIXES = (*PICTURE_SUFFIXES, *DEVICE_SUFFIXES)
"""Suffixes of the files of B-scans in a folder: pictures, and files of devices."""

_WRITERS: dict[str, Callable[[Path, npt.NDArray[np.uint8]], None]] = {
    ".tif": _write_tiff,
    ".tiff": _write_tiff,
    ".png": _write_png,
    ".npy": _write_npy,
}


def _writer(path: Path, volume: bool) -> Callable[[Path, npt.NDArray[np.uint8]], None]:
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise UserError(f"Labels cannot be written as {path.name}: use {', '.join(_WRITERS)}.")
    if writer is _write_png and volume:
        raise UserError(f"PNG cannot hold the labels of a volume: name {path.with_suffix('.tif')}.")
    return writer
