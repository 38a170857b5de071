"""B-scans and labels that are in memory as a data set: what a person has open and corrected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.data.dataset import Dataset, Item

__all__ = ["ArraySource", "array_item", "arrays_as_dataset"]


@dataclass(frozen=True, slots=True, eq=False)
class ArraySource:
    """Pixels in memory.

    Parameters
    ----------
    name
        For messages, in place of a file.
    pixels
        (H, W), as they are.
    """

    name: str
    pixels: npt.NDArray[Any]

    @property
    def path(self) -> Path:
        """The name, as a path."""
        return Path(self.name)

    def read(self) -> npt.NDArray[Any]:
        """Return the pixels."""
        return self.pixels


def array_item(
    name: str,
    group: str,
    image: npt.NDArray[np.uint8],
    labels: npt.NDArray[Any],
    schema: LabelSchema,
    classes: tuple[int, ...] | None = None,
) -> Item:
    """Return one labelled B-scan.

    Parameters
    ----------
    name
        Unique, and such as a file can have: see `core.files.file_name`.
    group
        The patient or volume.
    image
        (H, W) grey.
    labels
        (H, W) whole numbers of any type.
    classes
        As of `Item`.
    """
    sources = {schema.name: ArraySource(name, labels)}
    return Item(name, group, ArraySource(name, image), sources, classes)


def arrays_as_dataset(items: Iterable[Item], schema: LabelSchema) -> Dataset:
    """Return items from `array_item` as a data set of no folder."""
    return Dataset(Path(), "layers in napari", (schema,), tuple(items))
