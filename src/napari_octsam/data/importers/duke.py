"""Diabetic macular oedema of Chiu et al. 2015: layers and fluid in `Subject_NN.mat`.

https://people.duke.edu/~sf59/Chiu_BOE_2014_dataset.htm. Each file holds a volume; few of its
B-scans are labelled, by two graders, and these in their middle columns only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.core.images import times
from napari_octsam.data.dataset import Item, Source
from napari_octsam.data.importers.boundaries import drawn_columns, layers_between
from napari_octsam.data.importers.matfile import fields_of, read_fields, shapes_of, whole_bytes

__all__ = ["DUKE_SCHEMAS", "Grader", "is_duke", "list_duke"]

DUKE_SCHEMAS = ("layers7", "fluid")
"""Schemas of the two label maps that each B-scan has."""

Grader = Literal[1, 2]
_BOUNDARIES = 8
_MARKS = {"manualLayers1", "manualLayers2", "manualFluid1", "manualFluid2"}
_lock = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class _Volume:
    images: npt.NDArray[Any]
    """(H, W, n)."""
    boundaries: npt.NDArray[np.float64]
    """(8, W, n)."""
    fluid: npt.NDArray[np.bool_]
    """(H, W, n)."""


@dataclass(frozen=True, slots=True)
class _Slice:
    path: Path
    grader: Grader
    index: int

    @property
    def volume(self) -> _Volume:
        with _lock:  # or two threads would read the same volume
            return _read(self.path, self.grader, self.path.stat().st_mtime_ns)


class _Image(_Slice):
    def read(self) -> npt.NDArray[Any]:
        return self.volume.images[..., self.index]


class _Layers(_Slice):
    def read(self) -> npt.NDArray[Any]:
        volume = self.volume
        return layers_between(volume.boundaries[..., self.index], volume.images.shape[0])


class _Fluid(_Slice):
    def read(self) -> npt.NDArray[Any]:
        """Return 1 in fluid; columns without layers were not looked at, unless they have fluid."""
        volume = self.volume
        fluid = volume.fluid[..., self.index]
        looked_at = drawn_columns(volume.boundaries[..., self.index]) | fluid.any(0)
        return np.where(looked_at, fluid, NOT_LABELLED).astype(np.uint8)


def is_duke(path: Path) -> bool:
    """Whether a MATLAB file has the fields of this data set."""
    return bool(_MARKS & fields_of(path).keys())


def list_duke(path: Path, grader: Grader = 1) -> tuple[list[Item], int]:
    """Return the B-scans of a volume that have layers or fluid, and how many B-scans it has.

    Raises
    ------
    UserError
        The file cannot be read, a field is missing, or the shapes do not fit.
    """
    fields = _fields(grader)
    _check_shapes(path, fields)
    boundaries, fluid = read_fields(path, fields[1:])
    labelled = drawn_columns(boundaries).any(0) | (fluid > 0).any((0, 1))
    items = []
    for index in map(int, np.flatnonzero(labelled)):
        maps: tuple[Source, ...] = (_Layers(path, grader, index), _Fluid(path, grader, index))
        labels = dict(zip(DUKE_SCHEMAS, maps, strict=True))
        name = f"{path.stem}_{index:03d}"
        items.append(Item(name, path.stem, _Image(path, grader, index), labels))
    return items, boundaries.shape[2]


def _fields(grader: Grader) -> list[str]:
    return ["images", f"manualLayers{grader}", f"manualFluid{grader}"]


def _check_shapes(path: Path, fields: list[str]) -> None:
    images, layers, fluid = shapes = shapes_of(path, fields)
    if len(images) != 3 or layers != (_BOUNDARIES, *images[1:]) or fluid != images:
        pairs = zip(fields, shapes, strict=True)
        found = ", ".join(f"{name} is {times(shape)}" for name, shape in pairs)
        raise UserError(
            f"{path} is not of the shape of Chiu's data: {found}; the layers need 8 boundaries "
            "and the columns and B-scans of the images, the fluid the shape of the images."
        )


@lru_cache(maxsize=2)
def _read(path: Path, grader: Grader, _changed: int) -> _Volume:
    images, boundaries, fluid = read_fields(path, _fields(grader))
    return _Volume(whole_bytes(images), boundaries.astype(np.float64), fluid > 0)
