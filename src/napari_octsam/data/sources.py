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
from napari_octsam.data import labels as label_files
from napari_octsam.data import pictures
from napari_octsam.data.devices.opening import is_device_file
from napari_octsam.data.pictures import Picture, is_rgb

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
            return np.asanyarray(picture)
        return take_bscan(picture, self.index, rgb=is_rgb(picture))


@dataclass(frozen=True, slots=True)
class LabelFile:
    """The labels of a B-scan in a picture, or at `index` in a volume."""

    path: Path
    index: tuple[int, ...] = ()

    def read(self) -> npt.NDArray[Any]:
        """Return the label values."""
        labels = open_labels(self.path)
        return take_bscan(labels, self.index) if self.index else np.asanyarray(labels)


def may_be_volume(path: Path) -> bool:
    """Whether files of this kind can hold several B-scans."""
    return path.suffix.lower() in _VOLUMES or is_device_file(path)


def open_picture(path: Path) -> Picture:
    """Open a picture; of a volume, the next B-scans need not look for it again."""
    return _opened(path, labels=False)


def open_labels(path: Path) -> Picture:
    """Open a label picture; of a volume, the next B-scans need not look for it again."""
    return _opened(path, labels=True)


def _opened(path: Path, *, labels: bool) -> Picture:
    if not may_be_volume(path) or not path.is_file():
        return _open(path, labels)
    with _lock:  # or two threads would decode the same volume
        return _remembered(path, labels, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _remembered(path: Path, labels: bool, _changed: int) -> Picture:
    return _open(path, labels)


def _open(path: Path, labels: bool) -> Picture:
    return label_files.open_labels(path) if labels else pictures.open_picture(path)
