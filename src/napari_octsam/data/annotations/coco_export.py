"""Labels as COCO JSON: each object of a class as a mask in run lengths, to the pixel."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import write_json
from napari_octsam.core.prompts import bounding_box
from napari_octsam.core.regions import pieces
from napari_octsam.data.annotations.chosen import chosen
from napari_octsam.data.annotations.description import KEY, Description
from napari_octsam.data.annotations.label_store import Labels
from napari_octsam.data.annotations.rle import run_lengths
from napari_octsam.data.annotations.saved import SavedAnnotation, bscan_name

__all__ = ["SUFFIX", "write_coco"]

SUFFIX = ".json"
"""Of a file that `write_coco` writes."""


def write_coco(saved: SavedAnnotation, path: Path, states: Collection[BScanState]) -> None:
    """Write the B-scans of these states: an image each, and an annotation each piece of a class.

    The names of the images are those of `write_masks`. What nobody has labelled (255) is left out.

    Raises
    ------
    UserError
        No B-scan is to be written, labels are damaged or unknown to the schema, or the file
        cannot be written.
    """
    if path.suffix.lower() != SUFFIX:
        raise UserError(f"{path} is no JSON: name a file that ends in {SUFFIX}.")
    link, schema = saved.annotation.image, saved.annotation.label_schema
    rows, cols = link.shape[-2:]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (index, labels) in enumerate(chosen(saved, states), start=1):
        name = f"{bscan_name(link, index)}.png"
        size = {"width": cols, "height": rows}
        images.append({"id": number, "file_name": name, **size, "bscan": list(index)})
        for value, piece in _objects(labels, schema):
            about = {"id": len(annotations) + 1, "image_id": number, "category_id": value}
            annotations.append({**about, **_object(piece)})
    description = Description.of(saved.annotation)
    content = {
        "info": {"description": saved.annotation.name, KEY: description.model_dump(mode="json")},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": each.value, "name": each.name, "supercategory": schema.name}
            for each in schema.foreground
        ],
    }
    write_json(path, content)


def _objects(labels: Labels, schema: LabelSchema) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    for each in schema.foreground:
        mask = labels == each.value
        if mask.any():
            for piece in pieces(mask):
                yield each.value, piece


def _object(mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
    box = bounding_box(mask)
    return {
        "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
        "area": int(mask.sum()),
        "bbox": [box.col0, box.row0, box.col1 - box.col0 + 1, box.row1 - box.row0 + 1],
        "iscrowd": 0,
    }
