"""Labels with their B-scans as a data set for training."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from napari_octsam.core.annotation import BScanState
from napari_octsam.data.annotations.chosen import chosen
from napari_octsam.data.annotations.linked_image import read_linked
from napari_octsam.data.annotations.saved import SavedAnnotation, bscan_name, stem
from napari_octsam.data.arrays import ArraySource
from napari_octsam.data.dataset import Dataset, Item
from napari_octsam.data.prepared import write_prepared
from napari_octsam.data.split.grouping import group_of, patient_of

__all__ = ["write_masks"]


def write_masks(saved: SavedAnnotation, path: Path, states: Collection[BScanState]) -> None:
    """Write a prepared data set with the B-scans of these states; it stores no split.

    Raises
    ------
    UserError
        The image is gone or another one, no B-scan is to be written, labels are damaged or
        unknown to the schema, or the folder is there already or cannot be written.
    """
    link, schema = saved.annotation.image, saved.annotation.label_schema
    labelled = chosen(saved, states)
    image = read_linked(link)
    group = patient_of(stem(link)) if len(link.shape) > 2 else group_of(stem(link))
    items = tuple(
        Item(
            name := bscan_name(link, index),
            group,
            ArraySource(name, image[index]),
            {schema.name: ArraySource(name, labels)},
        )
        for index, labels in labelled
    )
    write_prepared(path, Dataset(saved.path, "annotation", (schema,), items), split=None)
