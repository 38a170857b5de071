"""Pictures as sources of B-scans and labels; of volumes, one B-scan at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.images import take_bscan
from napari_octsam.data.labels import read_labels
from napari_octsam.data.pictures import is_rgb, read_picture

__all__ = ["LabelFile", "PictureFile", "may_be_volume", "open_labels", "open_picture"]

_VOLUMES = (".npy", ".tif", ".tiff")
_lock = Lock()


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A B-scan in a picture, or at `index` in a volume."""

    path: Path
    index: tuple[int, ...] = ()

    def read(self) -> npt.NDArray[Any]:
        """Return the pixels as they are in the file."""
        picture = open_picture(self.path)
        if not self.index:
            return picture
        return take_bscan(picture, self.index, rgb=is_rgb(picture))


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The labels of a B-scan in a picture, or at `index` in a volume."""

    path: Path
    index: tuple[int, ...] = ()

    def read(self) -> npt.NDArray[Any]:
        """Return the label values."""
        labels = open_labels(self.path)
        return take_bscan(labels, self.index) if self.index else labels


def may_be_volume(path: Path) -> bool:
    """Whether files of this kind can hold several B-scans."""
    return path.suffix.lower() in _VOLUMES


def open_picture(path: Path) -> npt.NDArray[Any]:
    """Read a picture; of a volume, the next B-scans come from memory."""
    return _opened(path, labels=False)


def open_labels(path: Path) -> npt.NDArray[Any]:
    """Read a label picture; of a volume, the next B-scans come from memory."""
    return _opened(path, labels=True)


def _opened(path: Path, *, labels: bool) -> npt.NDArray[Any]:
    if not may_be_volume(path) or not path.is_file():
        return _read(path, labels)
    with _lock:  # or two threads would decode the same volume
        return _remembered(path, labels, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _remembered(path: Path, labels: bool, _changed: int) -> npt.NDArray[Any]:
    return _read(path, labels)


def _read(path: Path, labels: bool) -> npt.NDArray[Any]:
    return np.asanyarray(read_labels(path) if labels else read_picture(path))
