"""A data set: B-scans with their labels, where they lie and to which patient they belong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised

__all__ = ["Dataset", "Item", "Problem", "Source", "fingerprint", "listed"]

_LISTED = 5


class Source(Protocol):
    """Where one B-scan or its labels are read from, when they are needed."""

    @property
    def path(self) -> Path:
        """The file, for messages."""
        ...

    def read(self) -> npt.NDArray[Any]:
        """Return the pixels; UserError where they cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Item:
    """One labelled B-scan.

    Parameters
    ----------
    name
        Unique in its data set; may name a file.
    group
        The patient or volume: B-scans of one group never lie in two parts of a split.
    image
        Reads the B-scan, of any type that `as_grey` takes.
    labels
        Schema name -> reads (H, W) whole numbers; `NOT_LABELLED` pixels are ignored.
    classes
        Values of the main schema that somebody has looked at; None: all. Where a label is another
        one, it is certain only that it is none of these.
    """

    name: str
    group: str
    image: Source
    labels: Mapping[str, Source]
    classes: tuple[int, ...] | None = None

    def read_image(self) -> npt.NDArray[np.uint8]:
        """Return the B-scan as (H, W) uint8 grey."""
        return normalised(as_grey(self.image.read()))

    def read_maps(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Return schema name -> (H, W) uint8 label values."""
        return {schema: _as_bytes(source) for schema, source in self.labels.items()}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that forbids training.

    Parameters
    ----------
    text
        One sentence.
    names
        The items that it is about, which can be left out; none: the whole data set.
    """

    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a folder holds.

    Parameters
    ----------
    folder
        Where it lies.
    layout
        Name of the layout, for messages.
    schemas
        Those of the label maps that each item has; the first is the main one.
    items
        In their natural order.
    problems, warnings
        What was found while the files were listed.
    """

    folder: Path
    layout: str
    schemas: tuple[LabelSchema, ...]
    items: tuple[Item, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()


def fingerprint(image: npt.NDArray[np.uint8]) -> str:
    """Return a hash of an (H, W) grey B-scan's pixels, whatever file they came from."""
    content = hashlib.sha256(f"{image.shape}".encode())
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = ", ".join(names[:_LISTED])
    more = len(names) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _as_bytes(source: Source) -> npt.NDArray[np.uint8]:
    labels = source.read()
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= 255:
        raise UserError(f"{source.path} has label values that are not from 0 to 255.")
    return labels.astype(np.uint8)
