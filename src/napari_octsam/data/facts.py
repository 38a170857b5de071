"""What is in the files of a data set: every B-scan and mask is read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.data.dataset import Dataset, Item, fingerprint
from napari_octsam.data.split.split import Member

__all__ = ["Facts", "examine", "members_of", "without"]

_THREADS = 4
_VALUES = 256


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in one item.

    Parameters
    ----------
    member
        Its group and fingerprint; None where the B-scan cannot be read.
    shape
        Rows and columns.
    pixels
        Schema name -> how many pixels have each label value.
    unreadable
        Sentences about files that cannot be read.
    other_size
        Shape of a mask that is not as large as the B-scan; empty where all are.
    unknown
        Schema name -> values that it does not know.
    """

    name: str
    member: Member | None
    shape: tuple[int, ...]
    pixels: Mapping[str, npt.NDArray[np.int64]]
    unreadable: tuple[str, ...] = ()
    other_size: tuple[int, ...] = ()
    unknown: Mapping[str, Sequence[int]] = field(default_factory=dict)


def examine(
    dataset: Dataset, progress: Callable[[int], None] = lambda _: None
) -> tuple[Facts, ...]:
    """Read every B-scan and mask once.

    Parameters
    ----------
    progress
        Is told how many items are read.
    """
    facts = []
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda item: _facts(item, dataset.schemas), dataset.items)
        for done, fact in enumerate(found, start=1):
            facts.append(fact)
            progress(done)
    return tuple(facts)


def members_of(facts: Iterable[Facts]) -> dict[str, Member]:
    """Return what a split needs to know of the B-scans that can be read."""
    return {fact.name: fact.member for fact in facts if fact.member}


def without(
    dataset: Dataset, facts: Iterable[Facts], names: set[str]
) -> tuple[Dataset, tuple[Facts, ...]]:
    """Leave out the named items and the problems that go with them."""
    items = tuple(item for item in dataset.items if item.name not in names)
    problems = tuple(p for p in dataset.problems if not p.names)
    kept = tuple(fact for fact in facts if fact.name not in names)
    return replace(dataset, items=items, problems=problems), kept


def _facts(item: Item, schemas: Iterable[LabelSchema]) -> Facts:
    unreadable = []
    pixels, unknown = {}, {}
    member: Member | None = None
    shape: tuple[int, ...] = ()
    other_size: tuple[int, ...] = ()
    try:
        image = item.read_image()
        member, shape = Member(item.group, fingerprint(image)), image.shape
    except (UserError, OSError) as error:
        unreadable.append(_told(item, error))
    for schema in schemas:
        try:
            labels = item.labels[schema.name].read()
        except (UserError, OSError) as error:
            unreadable.append(_told(item, error))
            continue
        if shape and labels.shape != shape:
            other_size = labels.shape
        pixels[schema.name], strange = _counted(labels, schema)
        if strange:
            unknown[schema.name] = strange
    return Facts(item.name, member, shape, pixels, tuple(unreadable), other_size, unknown)


def _told(item: Item, error: Exception) -> str:
    text = str(error)
    return text if str(item.image.path) in text else f"{item.name}: {text}"


def _counted(
    labels: npt.NDArray[Any], schema: LabelSchema
) -> tuple[npt.NDArray[np.int64], list[int]]:
    """Return how many pixels have each value, and the values that the schema lacks."""
    if labels.dtype == np.uint8:
        counts = np.bincount(labels.ravel(), minlength=_VALUES)
        return counts, schema.lacking(map(int, np.flatnonzero(counts)))
    values, times_found = np.unique(labels, return_counts=True)
    counts = np.zeros(_VALUES, np.int64)
    inside = (values >= 0) & (values < _VALUES)
    counts[values[inside].astype(int)] = times_found[inside]
    return counts, schema.lacking(values.tolist())
