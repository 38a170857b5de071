"""Which layers of a viewer are labelled B-scans, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import file_name
from napari_octsam.data.arrays import array_item, arrays_as_dataset
from napari_octsam.data.dataset import Dataset, Item
from napari_octsam.data.split.grouping import group_of, patient_of
from napari_octsam.gui.layers.bscans import Plane, data_shape, line_up, read_bscan
from napari_octsam.gui.prompting.preview import PREVIEW_NAME

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image, Labels

    from napari_octsam.gui.layers.companions import Companions

__all__ = ["LabelledImage", "labelled_images", "read_labelled"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """An image layer and the labels layer that belongs to it."""

    image: Image
    labels: Labels


def labelled_images(layers: LayerList, companions: Companions) -> list[LabelledImage]:
    """Return every labels layer with its image.

    The image is one that lies under the labels pixel for pixel: that which they were used with,
    else that of the same name, else the only one.
    """
    from napari.layers import Image, Labels

    images = [layer for layer in layers if isinstance(layer, Image)]
    found = []
    for labels in (layer for layer in layers if isinstance(layer, Labels)):
        if labels.name == PREVIEW_NAME:
            continue
        image = _image_of(labels, images, layers, companions)
        if image is not None:
            found.append(LabelledImage(image, labels))
    return found


def _image_of(
    labels: Labels, images: Sequence[Image], layers: LayerList, companions: Companions
) -> Image | None:
    fitting = [image for image in images if line_up(image, labels)]
    for image in fitting:
        if companions.labels.get(image, layers) is labels:
            return image
    named = [image for image in fitting if labels.name.startswith(image.name)]
    if named:
        return max(named, key=lambda image: len(image.name))
    return fitting[0] if len(fitting) == 1 else None


def read_labelled(pairs: Sequence[LabelledImage], schema: LabelSchema) -> Dataset:
    """Read every B-scan that has a label; of a lazy volume, one at a time.

    Raises
    ------
    UserError
        Nothing is labelled, or a layer cannot be read.
    """
    items = [item for pair in pairs for item in _items(pair, schema)]
    if not items:
        raise UserError("No B-scan of the chosen layers has a label: there is nothing to learn.")
    return arrays_as_dataset(_uniquely_named(items), schema)


def _items(pair: LabelledImage, schema: LabelSchema) -> Iterator[Item]:
    shape = data_shape(pair.labels)
    volume = len(shape) > 2
    name = pair.image.name
    group = patient_of(name) if volume else group_of(name)
    for index in product(*(range(n) for n in shape[:-2])):
        plane = Plane((len(shape) - 2, len(shape) - 1), index)
        labels = _labels(pair.labels, plane)
        if labels.any():
            bscan = read_bscan(pair.image, plane)
            numbered = "".join(f"_{i:03d}" for i in index)
            yield array_item(f"{file_name(name)}{numbered}", group, bscan.pixels, labels, schema)


def _labels(layer: Labels, plane: Plane) -> npt.NDArray[Any]:
    data = layer.data[0] if layer.multiscale else layer.data
    try:
        return np.array(data[plane.selector])
    except Exception as error:  # lazy arrays read files, and fail in as many ways
        raise UserError(f"The layer {layer.name} cannot be read: {error}.") from error


def _uniquely_named(items: Sequence[Item]) -> Iterator[Item]:
    taken: set[str] = set()
    for item in items:
        others = (f"{item.name} ({number})" for number in count(2))
        name = next(n for n in chain([item.name], others) if n.casefold() not in taken)
        taken.add(name.casefold())  # macOS and Windows take A and a for one file
        yield replace(item, name=name)
