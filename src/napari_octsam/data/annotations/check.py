"""Whether an annotation on the disk is whole, and still that of its image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from napari_octsam.core.annotation import Annotation, BScanState, ImageLink
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import open_labels, read_annotation
from napari_octsam.data.annotations.label_store import LabelStore
from napari_octsam.data.annotations.linked_image import read_linked
from napari_octsam.data.annotations.saved import Index, bscan_name, indices
from napari_octsam.data.dataset import listed

__all__ = ["check_annotation"]


def check_annotation(path: Path, image: Path | None = None) -> list[str]:
    """Return a sentence for each thing that is wrong with an annotation; it is only read.

    Parameters
    ----------
    image
        Where its image is now; else where it was. One that came from no file is not looked for.
    """
    try:
        annotation = read_annotation(path)
    except UserError as error:
        return [str(error)]
    return [*_faults_of_labels(path, annotation), *_faults_of_image(annotation.image, image)]


def _faults_of_labels(path: Path, annotation: Annotation) -> Iterator[str]:
    try:
        labels = open_labels(path, annotation)
    except UserError as error:
        yield str(error)
        return
    unlike: dict[str, list[str]] = defaultdict(list)
    unknown: dict[int, list[str]] = defaultdict(list)
    for index in indices(annotation.image):
        name = bscan_name(annotation.image, index)
        try:
            values, is_empty = _look(labels, index, annotation.label_schema)
        except UserError as error:
            yield str(error)
            continue
        for value in values:
            unknown[value].append(name)
        if fault := _fault_of_state(annotation.state(index), is_empty):
            unlike[fault].append(name)
    for value, names in sorted(unknown.items()):
        yield (
            f"The schema {annotation.label_schema.name} has no class {value}, which is in "
            f"{path}: {listed(names)}."
        )
    for fault, names in unlike.items():
        yield f"B-scans in {path} that {fault}: {listed(names)}."


def _look(labels: LabelStore, index: Index, schema: LabelSchema) -> tuple[Iterable[int], bool]:
    """Return the values that the schema lacks, and whether nothing is labelled."""
    found = labels.read(index)
    return schema.lacking(np.unique(found).tolist()), not found.any()


def _fault_of_state(state: BScanState, is_empty: bool) -> str:
    if state is BScanState.UNTOUCHED and not is_empty:
        return "have labels, but are said to be untouched"
    if state is BScanState.CORRECTED and is_empty:
        return "have no label, but are said to be corrected"
    return ""


def _faults_of_image(image: ImageLink, path: Path | None) -> Iterator[str]:
    if path is None and not image.path:
        return
    try:
        read_linked(image, path)
    except UserError as error:
        yield str(error)
