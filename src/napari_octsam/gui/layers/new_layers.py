"""Labels layers of an image: placed as it is, of a label schema."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.gui.layers.bscans import Plane, data_shape
from napari_octsam.gui.layers.layer_schema import show_schema

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from napari_octsam.core.classes import LabelSchema

__all__ = [
    "LARGE_LABELS",
    "new_labels",
    "placed_as",
    "placed_on",
    "prepare_labels",
    "same_selection",
]

LARGE_LABELS = 4 * 1024**3
"""Bytes of a labels layer above which the person is told of its size."""


def placed_as(layer: Layer) -> dict[str, Any]:
    """Return the arguments that place a new layer where `layer` is, with its units and axes."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def placed_on(image: Image, plane: Plane) -> dict[str, Any]:
    """Return the arguments that place a layer of one plane where that plane is in an image."""
    placement = placed_as(image)
    origin = np.zeros(plane.ndim)
    origin[list(plane.others)] = plane.index
    moved = np.subtract(image.data_to_world(origin), image.data_to_world(np.zeros(plane.ndim)))
    placement["translate"] = image.translate + np.linalg.solve(image.affine.linear_matrix, moved)
    return placement


def new_labels(image: Image, schema: LabelSchema, name: str) -> tuple[Labels, str]:
    """Return an empty uint8 labels layer for an image, and a note where it is large, else "".

    The pixels take memory only once they are painted on.
    """
    from napari.layers import Labels

    shape = data_shape(image)
    layer = Labels(np.zeros(shape, np.uint8), name=name, opacity=0.5, **placed_as(image))
    show_schema(layer, schema)
    size = math.prod(shape)
    note = (
        f"{name} takes up to {size / 1024**3:.0f} GB once all of its B-scans are labelled."
        if size > LARGE_LABELS
        else ""
    )
    return layer, note


def prepare_labels(schema: LabelSchema) -> None:
    """Have napari import and compile what a layer of labels needs; fit for any thread.

    The first layer takes it most of a second, in which nobody should wait.
    """
    from napari.layers import Labels

    show_schema(Labels(np.zeros((8, 8), np.uint8)), schema)


@contextmanager
def same_selection(viewer: ViewerModel) -> Iterator[None]:
    """Keep the selected layers while layers are added."""
    selected, active = set(viewer.layers.selection), viewer.layers.selection.active
    yield
    viewer.layers.selection = selected & set(viewer.layers)
    if active in viewer.layers:
        viewer.layers.selection.active = active
