"""Labels of one image from COCO JSON: polygons and run lengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from napari_octsam.core.annotation import ImageLink
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import composed
from napari_octsam.core.images import times
from napari_octsam.core.reading import explaining, read_json
from napari_octsam.data.annotations.description import KEY, Description
from napari_octsam.data.annotations.found import FoundLabels, required
from napari_octsam.data.annotations.rle import mask_of
from napari_octsam.data.annotations.saved import Index, bscan_name, indices

__all__ = ["read_coco"]


class _Image(BaseModel):
    id: int
    file_name: str
    width: int
    height: int
    bscan: Index | None = None


class _RunLengths(BaseModel):
    size: tuple[int, int]
    counts: list[int] | str


class _Object(BaseModel):
    image_id: int
    category_id: int
    segmentation: _RunLengths | list[list[FiniteFloat]]


class _Category(BaseModel):
    id: int
    name: str


class _Coco(BaseModel):
    info: dict[str, Any] = {}
    images: list[_Image]
    annotations: list[_Object]
    categories: list[_Category] = Field(min_length=1)


def read_coco(path: Path, image: ImageLink, schema: LabelSchema | None) -> FoundLabels:
    """Return the labels of an image's B-scans; where objects overlap, of the later.

    A B-scan is told by the number that our own files have, or by the name of its file: that of
    the image, for a volume with its number as `bscan_name` has it. Categories are told by their
    names.

    Parameters
    ----------
    schema
        Where not given, the one that our own files have.

    Raises
    ------
    UserError
        The file cannot be read or is not COCO JSON, knows nothing of the image or another size of
        it, has a category that is none of the schema, or run lengths that are packed.
    """
    with explaining(path, "is not COCO JSON"):
        content = _Coco.model_validate(read_json(path))
    description = _description(content)
    own = None if description is None else description.label_schema
    classes = required(schema or own, path)
    places = _places(content.images, image)
    if not places:
        raise UserError(f"{path} has no labels of {bscan_name(image, ())}: it names other images.")
    _check_sizes(path, (each for each in content.images if each.id in places), image)
    values = _values(path, content.categories, classes)
    labels = np.zeros(image.shape, np.uint8)
    for item in content.annotations:
        if item.image_id not in places:
            continue
        if item.category_id not in values:
            raise UserError(f"{path} does not say what its category {item.category_id} is.")
        bscan = labels[places[item.image_id]]
        bscan[_mask(path, item.segmentation, bscan.shape)] = values[item.category_id]
    return FoundLabels(labels, classes, description)


def _description(content: _Coco) -> Description | None:
    try:
        return Description.model_validate(content.info.get(KEY))
    except ValidationError:
        return None


def _check_sizes(path: Path, images: Iterable[_Image], link: ImageLink) -> None:
    shape = link.shape[-2:]
    for each in images:
        if (each.height, each.width) != shape:
            told = times((each.height, each.width))
            raise UserError(
                f"{path} is of another image: {each.file_name} is {told} in it, not {times(shape)}."
            )


def _places(images: Iterable[_Image], link: ImageLink) -> dict[int, Index]:
    """Return the B-scan of each image that is one of the link's."""
    names = {composed(bscan_name(link, index)): index for index in indices(link)}
    known = set(names.values())
    found: dict[int, Index] = {}
    for each in images:
        index = names.get(composed(Path(each.file_name).stem)) if each.bscan is None else each.bscan
        if index is not None and index in known:
            found[each.id] = index
    return found


def _values(path: Path, categories: Iterable[_Category], schema: LabelSchema) -> Mapping[int, int]:
    names = {name.casefold(): c.value for c in schema.classes for name in (c.short, c.name)}
    values: dict[int, int] = {}
    for each in categories:
        name = each.name.strip().casefold()
        if name not in names:
            raise UserError(
                f"{path} has the category {each.name}, which is no class of the schema "
                f"{schema.name}: choose another one with --schema."
            )
        values[each.id] = names[name]
    return values


def _mask(
    path: Path, segmentation: _RunLengths | list[list[float]], shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    if isinstance(segmentation, list):
        return _filled(path, segmentation, shape)
    if isinstance(segmentation.counts, str):
        raise UserError(
            f"{path} has packed run lengths, which are not read: export it with plain ones, or "
            "with polygons."
        )
    try:
        return mask_of(segmentation.counts, shape)
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}.") from error


def _filled(
    path: Path, polygons: Iterable[list[float]], shape: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Return the pixels whose centres lie in polygons; (0, 0) is the corner of the first one."""
    from skimage.draw import polygon  # late: it takes long to import

    mask = np.zeros(shape, bool)
    for each in polygons:
        if len(each) < 6 or len(each) % 2:
            raise UserError(f"{path} is damaged: a polygon of it has {len(each)} numbers.")
        x, y = np.reshape(each, (-1, 2)).T
        mask[polygon(y - 0.5, x - 0.5, shape)] = True
    return mask
