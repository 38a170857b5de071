"""B-scans with their labels in memory: of a data set, or of `images/` and `masks/` as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import composed
from napari_octsam.core.images import times
from napari_octsam.data.dataset import Dataset, Item, Problem, listed
from napari_octsam.data.pairing import pair_up
from napari_octsam.data.split.split import SPLIT_FILE, read_split

__all__ = ["LabelledBScan", "read_dataset", "read_pairs"]

_LABELS = "labels"


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBScan:
    """A B-scan with its labels.

    Parameters
    ----------
    name
        File name without suffix.
    image
        (H, W) uint8 grey.
    labels
        (H, W) uint8 label values.
    """

    name: str
    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def read_dataset(
    dataset: Dataset, pattern: str = "*", part: str | None = None
) -> list[LabelledBScan]:
    """Read every B-scan whose name matches `pattern`, with the labels of the first schema.

    Parameters
    ----------
    part
        Of the split beside the data; None: all.

    Raises
    ------
    UserError
        Something forbids to read one of them, labels are not of the schema, there is no split,
        or nothing matches.
    """
    items = _chosen(dataset.items, dataset.problems, pattern)
    if part is not None:
        names = _names_in(dataset, part)
        items = [item for item in items if item.name in names]
    if not items:
        within = "" if part is None else f" in the part {part}"
        raise UserError(f"{dataset.folder} has no labelled B-scan {pattern}{within}.")
    schema = dataset.schemas[0]
    found = [_read(item, schema.name) for item in items]
    _check_values(found, schema, dataset.folder)
    return found


def read_pairs(folder: Path, pattern: str = "*") -> list[LabelledBScan]:
    """Read every pair of `images/` and `masks/` whose name matches `pattern`, of any values.

    Raises
    ------
    UserError
        A mask is missing, of another size or cannot be read, or no image matches.
    """
    found = pair_up(folder / "images", folder / "masks", _LABELS)
    items = _chosen(found.items, found.problems, pattern)
    if not items:
        raise UserError(f"{folder} has no images/{pattern} with masks to read.")
    return [_read(item, _LABELS) for item in items]


def _chosen(items: Iterable[Item], problems: Iterable[Problem], pattern: str) -> list[Item]:
    pattern = composed(pattern)
    for problem in problems:
        if not problem.names or any(fnmatchcase(name, pattern) for name in problem.names):
            raise UserError(problem.text)
    return [item for item in items if fnmatchcase(item.name, pattern)]


def _names_in(dataset: Dataset, part: str) -> set[str]:
    path = dataset.folder / SPLIT_FILE
    if not path.is_file():
        raise UserError(
            f"{dataset.folder} has no {SPLIT_FILE}, which says what its parts are: make a data set "
            "with 'octsam preprocess', or take all B-scans."
        )
    names = dict(read_split(path).parts())[part]
    here = {item.name for item in dataset.items}
    if gone := [name for name in names if name not in here]:
        raise UserError(f"{path} names B-scans of the part {part} that are gone: {listed(gone)}.")
    return set(names)


def _read(item: Item, schema: str) -> LabelledBScan:
    image, labels = item.read_image(), item.read_maps()[schema]
    if image.shape != labels.shape:
        path = item.image.path
        raise UserError(f"{path} is {times(image.shape)}, but its mask {times(labels.shape)}.")
    return LabelledBScan(item.name, image, labels)


def _check_values(bscans: Iterable[LabelledBScan], schema: LabelSchema, folder: Path) -> None:
    strange: set[int] = set()
    names = []
    for bscan in bscans:
        if unknown := schema.lacking(np.unique(bscan.labels).tolist()):
            strange.update(unknown)
            names.append(bscan.name)
    if names:
        values = listed([str(value) for value in sorted(strange)])
        raise UserError(
            f"{folder} has masks with values that the schema {schema.name} does not know "
            f"({values}): {listed(names)}. Choose their schema with --schema, or "
            "mend them."
        )
