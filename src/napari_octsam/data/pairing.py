"""Which mask belongs to which picture: files of the same stem in two folders.

A mask may have `_mask`, `_label` or `_seg` after it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import composed, missing
from napari_octsam.core.images import times
from napari_octsam.data.dataset import Item, Problem, listed
from napari_octsam.data.labels import ONLY_255, marks_with_255
from napari_octsam.data.pictures import PICTURE_SUFFIXES, SCAN_SUFFIXES, is_rgb
from napari_octsam.data.sources import (
    LabelFile,
    PictureFile,
    may_be_volume,
    open_labels,
    open_picture,
)
from napari_octsam.data.split.grouping import group_of, natural_order, patient_of

__all__ = ["Pairs", "pair_up"]

_OF_MASKS = re.compile(r"[_-](masks?|labels?|seg|segmentation)$", re.IGNORECASE)
"""What other programs put behind the name of a B-scan to name its mask."""


@dataclass(slots=True)
class Pairs:
    """The items of two folders, and what was found on the way."""

    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def pair_up(images: Path, masks: Path, schema: str) -> Pairs:
    """Find the pairs of two folders; a volume gives its labelled B-scans.

    Raises
    ------
    UserError
        A folder is missing.
    """
    pairs = Pairs()
    image_files = _files(images, SCAN_SUFFIXES, pairs)
    mask_files = _by_image(_files(masks, PICTURE_SUFFIXES, pairs), image_files)
    _report_unpaired(image_files, mask_files, (images, masks), pairs)
    for stem in sorted(image_files.keys() & mask_files.keys(), key=natural_order):
        several = [p for p in (image_files[stem], mask_files[stem]) if len(p) > 1]
        if several:
            names = ", ".join(path.name for path in several[0])
            folder = several[0][0].parent
            text = f"{folder} has several files for {stem}, keep one: {names}."
            pairs.problems.append(Problem(text, (stem,)))
            continue
        _add(pairs, image_files[stem][0], mask_files[stem][0], schema)
    _report_namesakes(pairs)
    return pairs


def _files(folder: Path, suffixes: tuple[str, ...], pairs: Pairs) -> dict[str, list[Path]]:
    """Return stem -> files of these kinds in a folder; what else lies there is a warning.

    A link that leads nowhere is among them: it is told by who reads it.
    """
    if not folder.is_dir():
        raise UserError(missing(folder, "folder"))
    found, others = defaultdict(list), []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        is_one = path.is_file() or not path.exists()
        if is_one and path.suffix.lower() in suffixes:
            found[composed(path.stem)].append(path)
        else:
            others.append(path.name)
    if others:
        kinds = ", ".join(suffixes)
        text = f"These in {folder} are not read, since they are none of {kinds}: {listed(others)}."
        pairs.warnings.append(text)
    return dict(found)


def _by_image(masks: dict[str, list[Path]], images: Container[str]) -> dict[str, list[Path]]:
    """Return the masks by the stems of their B-scans, where theirs are longer."""
    found: dict[str, list[Path]] = defaultdict(list)
    for stem, paths in masks.items():
        short = _OF_MASKS.sub("", stem)
        found[stem if stem in images or short not in images else short] += paths
    return dict(found)


def _report_unpaired(
    images: dict[str, list[Path]],
    masks: dict[str, list[Path]],
    folders: tuple[Path, Path],
    pairs: Pairs,
) -> None:
    for what, ours, theirs, where in (
        ("B-scans", images, masks, folders[1]),
        ("Masks", masks, images, folders[0]),
    ):
        alone = sorted(ours.keys() - theirs.keys(), key=natural_order)
        if alone:
            files = [ours[stem][0].name for stem in alone]
            text = f"{what} without a partner in {where}: {listed(files)}."
            pairs.problems.append(Problem(text, tuple(alone)))


def _report_namesakes(pairs: Pairs) -> None:
    counts = Counter(item.name for item in pairs.items)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        text = f"B-scans of volumes and pictures have the same names, rename: {listed(twice)}."
        pairs.problems.append(Problem(text))


def _add(pairs: Pairs, image: Path, mask: Path, schema: str) -> None:
    if not may_be_volume(image):
        name, labels = composed(image.stem), {schema: LabelFile(mask)}
        item = Item(name, group_of(name), PictureFile(image), labels)
        pairs.items.append(item)
        return
    try:
        pairs.items.extend(_items_of(image, mask, schema, pairs))
    except UserError as error:
        pairs.problems.append(Problem(str(error), (composed(image.stem),)))


def _items_of(image: Path, mask: Path, schema: str, pairs: Pairs) -> Iterator[Item]:
    volume = composed(image.stem)
    picture, labels = open_picture(image), open_labels(mask)
    leading = picture.shape[: -3 if is_rgb(picture) else -2]
    if labels.shape[:-2] != leading:
        raise UserError(
            f"{image} and {mask.name} do not hold the same B-scans: {times(picture.shape)} and "
            f"{times(labels.shape)}."
        )
    if not leading:
        yield Item(volume, group_of(volume), PictureFile(image), {schema: LabelFile(mask)})
        return
    indices = list(np.ndindex(leading))
    labelled = [i for i in indices if np.any((labels[i] != 0) & (labels[i] != NOT_LABELLED))]
    if not labelled and marks_with_255(labels):
        raise UserError(f"The only value in {mask} beside 0 is 255. {ONLY_255}")
    if len(labelled) < len(indices):
        text = f"{image.name}: {len(labelled)} of {len(indices)} B-scans are labelled."
        pairs.warnings.append(f"{text} The others are left out.")
    for index in labelled:
        name = "_".join([volume, *(f"{i:03d}" for i in index)])
        source, label_source = PictureFile(image, index), LabelFile(mask, index)
        yield Item(name, patient_of(volume), source, {schema: label_source})
