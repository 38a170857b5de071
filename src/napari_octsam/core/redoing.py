"""One class of a B-scan is put as a model has it, larger or smaller; or one object of a class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries, boundaries_of, steps_between
from napari_octsam.core.boundary_edits import with_heights
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.masks import Mask
from napari_octsam.core.redrawing import redrawn

__all__ = ["redone", "with_object"]

Labels = npt.NDArray[np.uint8]


def redone(labels: Labels, predicted: Labels, value: int, schema: LabelSchema) -> Labels:
    """Return labels in which one class is where a prediction has it.

    A layer gets the prediction's boundaries, and its neighbours what it leaves. What lies inside a
    layer, as fluid does, is drawn within it; pixels that it leaves become the layer's.

    Parameters
    ----------
    labels, predicted
        (H, W) label values of the schema.
    value
        Of the class.
    """
    before = boundaries_of(labels, schema) if schema.stack else None
    numbers = [n for n, layer in enumerate(schema.layers) if layer.value == value]
    if before is not None and numbers:
        wanted = boundaries_of(predicted, schema)
        after = before
        for edge in (numbers[0], numbers[0] + 1):
            after = with_heights(after, edge, wanted[edge], len(labels))
        return redrawn(labels, before, after, schema)
    left, home = np.zeros_like(labels), np.ones(labels.shape, bool)
    if before is not None:
        steps = steps_between(before, len(labels))
        left = np.array([step.value for step in schema.stack], np.uint8)[steps]
        home = _home(before, value, schema, len(labels))
    free = np.where(labels == value, left, labels)
    return np.where((predicted == value) & home, np.uint8(value), free)


def with_object(labels: Labels, mask: Mask, value: int, schema: LabelSchema) -> Labels:
    """Return labels with an object of a class drawn over them, in the layer that it lies in.

    Parameters
    ----------
    labels
        (H, W) label values of the schema.
    mask
        (H, W), the object.
    value
        Of its class, which is no layer.
    """
    if schema.stack:
        mask = mask & _home(boundaries_of(labels, schema), value, schema, len(labels))
    return np.where(mask, np.uint8(value), labels)


def _home(boundaries: Boundaries, value: int, schema: LabelSchema, rows: int) -> Mask:
    """Return where a class may lie, (rows, W): in its layer, or anywhere where none is known."""
    inside = [n for n, step in enumerate(schema.stack) if value in step.inside]
    if not inside:
        return np.ones((rows, boundaries.shape[1]), bool)
    unknown = np.isnan(boundaries).any(axis=0)
    return np.asarray(np.isin(steps_between(boundaries, rows), inside) | unknown)
