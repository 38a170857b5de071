"""An annotation on the disk, to be read: whoever writes it may go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_octsam.core.annotation import Annotation, ImageLink
from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import file_name
from napari_octsam.data.annotations.folder import open_labels, read_annotation
from napari_octsam.data.annotations.label_store import Labels, LabelStore
from napari_octsam.data.dataset import listed

__all__ = [
    "Index",
    "SavedAnnotation",
    "bscan_name",
    "indices",
    "labelled_pixels",
    "open_saved",
    "stem",
]

Index = tuple[int, ...]
"""Of a B-scan in its image, slowest axis first; () where the image is one."""


@dataclass(frozen=True, slots=True)
class SavedAnnotation:
    """What a folder of an annotation holds."""

    path: Path
    annotation: Annotation
    labels: LabelStore

    @property
    def indices(self) -> Iterator[Index]:
        """Those of all B-scans."""
        return indices(self.annotation.image)

    def read_known(self, index: Index) -> Labels:
        """Return the labels of a B-scan, (H, W).

        Raises
        ------
        UserError
            They are damaged, or hold values that the schema has no class for.
        """
        labels = self.labels.read(index)
        schema = self.annotation.label_schema
        if unknown := schema.lacking(np.unique(labels).tolist()):
            values = listed([str(value) for value in unknown])
            raise UserError(
                f"{bscan_name(self.annotation.image, index)} in {self.path} has label values that "
                f"the schema {schema.name} does not know ({values}): mend them, or export as TIFF."
            )
        return labels


def open_saved(path: Path) -> SavedAnnotation:
    """Open an annotation; UserError where it is none, is damaged or of a newer version."""
    annotation = read_annotation(path)
    return SavedAnnotation(path, annotation, open_labels(path, annotation))


def indices(image: ImageLink) -> Iterator[Index]:
    """Return the indices of an image's B-scans."""
    return np.ndindex(image.shape[:-2])


def stem(image: ImageLink) -> str:
    """Return the name of an image as files made of it have it."""
    return file_name(Path(image.path).stem or image.name) or "image"


def bscan_name(image: ImageLink, index: Index) -> str:
    """Return the name of a B-scan, as `data.pairing` has it: of a volume, with its number."""
    return "_".join([stem(image), *(f"{i:03d}" for i in index)])


def labelled_pixels(labels: Labels) -> int:
    """Return how many pixels have a class other than the background."""
    return int(np.count_nonzero((labels != 0) & (labels != NOT_LABELLED)))
