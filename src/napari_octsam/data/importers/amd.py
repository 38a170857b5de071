"""Age-related macular degeneration of Farsiu et al. 2014: three boundaries in each `.mat` file.

https://people.duke.edu/~sf59/RPEDC_Ophth_2013_dataset.htm. Each file holds a volume with its
inner limiting membrane, the inner border of the RPE-drusen complex, and Bruch's membrane, drawn
in the middle columns of the middle B-scans.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import times
from napari_octsam.data.dataset import Item
from napari_octsam.data.importers.boundaries import drawn_columns, layers_between
from napari_octsam.data.importers.matfile import fields_of, read_fields, shapes_of, whole_bytes

__all__ = ["AMD_SCHEMA", "is_amd", "list_amd"]

AMD_SCHEMA = "amd"
_FIELDS = ("images", "layerMaps")
_BOUNDARIES = 3
_lock = Lock()


@dataclass(frozen=True, slots=True)
class _Slice:
    path: Path
    index: int

    @property
    def volume(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
        with _lock:  # or two threads would read the same volume
            return _read(self.path, self.path.stat().st_mtime_ns)


class _Image(_Slice):
    def read(self) -> npt.NDArray[Any]:
        return self.volume[0][..., self.index]


class _Layers(_Slice):
    def read(self) -> npt.NDArray[Any]:
        images, maps = self.volume
        return layers_between(maps[self.index].T, images.shape[0])


def is_amd(path: Path) -> bool:
    """Whether a MATLAB file has the fields of this data set."""
    return "layerMaps" in fields_of(path)


def list_amd(path: Path) -> tuple[list[Item], int]:
    """Return the labelled B-scans of a volume, and how many B-scans it has.

    Raises
    ------
    UserError
        The file cannot be read, a field is missing, or the shapes do not fit.
    """
    _check_shapes(path)
    (maps,) = read_fields(path, _FIELDS[1:])
    labelled = drawn_columns(np.moveaxis(maps, 2, 0)).any(1)
    items = []
    for index in map(int, np.flatnonzero(labelled)):
        labels = {AMD_SCHEMA: _Layers(path, index)}
        items.append(Item(f"{path.stem}_{index:03d}", path.stem, _Image(path, index), labels))
    return items, maps.shape[0]


def _check_shapes(path: Path) -> None:
    images, maps = shapes_of(path, _FIELDS)
    if len(images) != 3 or maps != (images[2], images[1], _BOUNDARIES):
        raise UserError(
            f"{path} is not of the shape of Farsiu's data: images is {times(images)}, "
            f"layerMaps {times(maps)}; the maps need one row a B-scan, the columns of the images "
            "and 3 boundaries."
        )


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    images, maps = read_fields(path, _FIELDS)
    return whole_bytes(images), maps.astype(np.float64)
