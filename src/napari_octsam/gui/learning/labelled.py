"""What is in the labels layers of a viewer: B-scans to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, count, product
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.automatic import Index
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import file_name
from napari_octsam.data.arrays import array_item, arrays_as_dataset
from napari_octsam.data.dataset import Dataset, Item, listed
from napari_octsam.data.split.grouping import group_of, patient_of
from napari_octsam.gui.layers.bscans import Plane, data_shape, read_bscan
from napari_octsam.gui.layers.labelled_images import LabelledImage
from napari_octsam.gui.layers.layer_schema import check_meaning, schema_of

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["read_labelled"]


def read_labelled(
    pairs: Sequence[LabelledImage],
    schema: LabelSchema,
    only: Mapping[Index, tuple[int, ...] | None] | None = None,
) -> Dataset:
    """Read every B-scan that has a label; of a lazy volume, one at a time.

    Parameters
    ----------
    only
        The indices of the B-scans to read, with the classes that somebody has looked at, as of
        `Item`; None: of all, and all classes.

    Raises
    ------
    UserError
        Two layers are of one image, one is of another schema, nothing is labelled, or a layer
        cannot be read.
    """
    _check(pairs, schema)
    items = [item for pair in pairs for item in _items(pair, schema, only)]
    if not items:
        raise UserError("No B-scan of the chosen layers has a label: there is nothing to learn.")
    dataset = arrays_as_dataset(_uniquely_named(items), schema)
    unsaid = [pair.labels.name for pair in pairs if schema_of(pair.labels) is None]
    if not unsaid:
        return dataset
    text = f"These do not say what their values mean, and are learnt as {schema.name}"
    return replace(dataset, warnings=(f"{text}: {listed(unsaid)}.",))


def _check(pairs: Sequence[LabelledImage], schema: LabelSchema) -> None:
    for one, other in combinations(pairs, 2):
        if one.image is other.image:
            raise UserError(
                f"{one.labels.name} and {other.labels.name} are both labels of {one.image.name}, "
                "which is learnt from one of them: untick the other."
            )
    for pair in pairs:
        try:
            check_meaning(pair.labels, schema)
        except UserError as error:
            raise UserError(f"{error} Untick it, or choose its classes to learn.") from error


def _items(
    pair: LabelledImage, schema: LabelSchema, only: Mapping[Index, tuple[int, ...] | None] | None
) -> Iterator[Item]:
    shape = data_shape(pair.labels)
    volume = len(shape) > 2
    name = pair.image.name
    group = patient_of(name) if volume else group_of(name)
    for index in product(*(range(n) for n in shape[:-2])):
        if only is not None and index not in only:
            continue
        plane = Plane((len(shape) - 2, len(shape) - 1), index)
        labels = _labels(pair.labels, plane)
        if labels.any():
            bscan = read_bscan(pair.image, plane)
            numbered = "".join(f"_{i:03d}" for i in index)
            classes = None if only is None else only[index]
            called = f"{file_name(name)}{numbered}"
            yield array_item(called, group, bscan.pixels, labels, schema, classes)


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
