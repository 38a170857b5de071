"""Labels from files become an annotation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_octsam.core.annotation import Annotation, BScanState, ImageLink, Progress
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.images import times
from napari_octsam.data.annotations.coco_import import read_coco
from napari_octsam.data.annotations.description import description_in, schema_in
from napari_octsam.data.annotations.folder import AnnotationFolder
from napari_octsam.data.annotations.found import FoundLabels, required
from napari_octsam.data.annotations.label_store import Labels
from napari_octsam.data.annotations.linked_image import link_to
from napari_octsam.data.annotations.of_picture import description_of
from napari_octsam.data.annotations.saved import indices
from napari_octsam.data.dataset import listed
from napari_octsam.data.labels import LABEL_SUFFIXES, ONLY_255, marks_with_255, read_labels
from napari_octsam.data.pictures import read_stored
from napari_octsam.data.split.grouping import natural_order

__all__ = ["import_labels"]

_COCO = ".json"


def import_labels(
    labels: Path, image: Path, target: Path, schema: LabelSchema | None = None
) -> Annotation:
    """Make an annotation of labels and their image.

    What has a label counts as corrected: nothing automatic changes it.

    Parameters
    ----------
    labels
        A picture as `read_labels` takes it, COCO JSON, or a folder with a picture each B-scan,
        in the order of their names.
    image
        The picture that they belong to.
    target
        The new folder.
    schema
        Where not given, what the labels say of themselves.

    Raises
    ------
    UserError
        A file cannot be read, the labels are of another size than the image or have no class but
        255, their schema is not known or does not know them, or the folder is there already or
        cannot be written.
    """
    picture = read_stored(image)
    link = link_to(image, picture)
    is_coco = labels.suffix.lower() == _COCO
    found = read_coco(labels, link, schema) if is_coco else _read(labels, schema)
    values = _fitting(found.labels, labels, link)
    if unknown := found.schema.lacking(np.unique(values).tolist()):
        raise UserError(
            f"{labels} has label values that the schema {found.schema.name} does not know "
            f"({listed([str(value) for value in unknown])}): choose another one with --schema."
        )
    if found.description is None and marks_with_255(values):
        raise UserError(f"The only value in {labels} beside 0 is 255. {ONLY_255}")
    annotation = _annotation(labels.stem, link, found, values)
    AnnotationFolder.create(target, annotation, values.dtype, values).close()
    return annotation


def _read(path: Path, schema: LabelSchema | None) -> FoundLabels:
    if not path.is_dir():
        values, first = read_labels(path), path
    else:
        files = _pictures(path)
        values, first = _stacked(path, files), files[0]
    return FoundLabels(values, required(schema or schema_in(first), path), description_in(first))


def _pictures(folder: Path) -> list[Path]:
    files = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in LABEL_SUFFIXES and not path.name.startswith(".")
    ]
    if not files:
        raise UserError(f"{folder} has no pictures with labels.")
    return sorted(files, key=lambda path: natural_order(path.stem))


def _stacked(folder: Path, files: list[Path]) -> Labels:
    bscans = [read_labels(path) for path in files]
    shapes = {bscan.shape for bscan in bscans}
    if len(shapes) > 1 or bscans[0].ndim != 2:
        told = listed([times(shape) for shape in sorted(shapes)])
        raise UserError(f"{folder} does not hold B-scans of one size: {told}.")
    return np.stack(bscans)


def _fitting(labels: Labels, path: Path, image: ImageLink) -> Labels:
    if labels.shape[-2:] != image.shape[-2:] or labels.size != np.prod(image.shape):
        raise UserError(
            f"The labels {path} are {times(labels.shape)}, but the image {image.path} is "
            f"{times(image.shape)}."
        )
    return labels.reshape(image.shape)


def _annotation(name: str, link: ImageLink, found: FoundLabels, values: Labels) -> Annotation:
    labelled = (index for index in indices(link) if values[index].any())
    axes = found.description
    count = len(link.shape)
    if axes is None or len(axes.scale) != count:
        axes = description_of(Path(link.path), count, found.schema)
    return Annotation(
        name=name,
        image=link,
        label_schema=found.schema,
        scale=axes.scale,
        units=axes.units,
        axis_labels=axes.axis_labels,
        laterality=axes.laterality,
        first=axes.first,
        progress={index: Progress(state=BScanState.CORRECTED) for index in labelled},
    )
