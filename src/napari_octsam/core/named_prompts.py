"""One model's labels as the prompts of another, which names no pixels by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from napari_octsam.core.carrying import labelled_objects
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.decoded import DecodedObject, LogitWindow
from napari_octsam.core.labelling import Labelling
from napari_octsam.core.masks import composite
from napari_octsam.core.prompts import Prompt

__all__ = ["labelling_of_masks", "prompts_of_labels"]


def prompts_of_labels(labels: npt.NDArray[np.uint8], schema: LabelSchema) -> tuple[Prompt, ...]:
    """Return a box and points inside for each piece of each class of (H, W) labels.

    What lies above and below all layers, and the background, is asked for by nothing.
    """
    asked = [c.value for c in schema.classes if c.value not in _outside(schema)]
    return tuple(piece.prompts()[0] for value in asked for piece in labelled_objects(labels, value))


def labelling_of_masks(
    named: Labelling,
    prompts: Sequence[Prompt],
    decoded: Sequence[DecodedObject],
    schema: LabelSchema,
) -> Labelling:
    """Return labels of the masks that a model gave to prompts of `prompts_of_labels`.

    Parameters
    ----------
    named
        Whose labels the prompts are of. What nothing asks for is taken from it, where no mask is.
    decoded
        The answer to each prompt. Nothing of a mask counts that is outside its box.

    Returns
    -------
    Without boundaries, and `NOT_LABELLED` where an object was looked for and is not.
    """
    rows, cols = named.labels.shape
    objects = [
        (prompt.class_value, _in_box(each.window(), prompt))
        for prompt, each in zip(prompts, decoded, strict=True)
    ]
    labels = composite((rows, cols), objects)
    confidence = np.zeros((rows, cols), np.float32)
    for value, found in objects:
        here = found.window
        sure = np.where(labels[here] == value, expit(found.logits), 0)
        np.maximum(confidence[here], sure, out=confidence[here])
    outside = np.isin(named.labels, list(_outside(schema))) & (labels == NOT_LABELLED)
    labels[outside] = named.labels[outside]
    confidence[outside] = named.confidence[outside]
    none = np.empty((0, cols), np.float32)
    return Labelling(labels, confidence, none, none)


def _outside(schema: LabelSchema) -> frozenset[int]:
    """Return the values of what is no object: the background, and what is around the layers."""
    return frozenset({0, *(step.value for step in (*schema.stack[:1], *schema.stack[-1:]))})


def _in_box(window: LogitWindow, prompt: Prompt) -> LogitWindow:
    """Return the part of a mask's logits that lies in the box of its prompt."""
    assert prompt.box is not None  # all of them have one
    box, (in_rows, in_cols) = prompt.box, window.window
    top, left = max(in_rows.start, int(box.row0)), max(in_cols.start, int(box.col0))
    bottom, right = min(in_rows.stop, int(box.row1) + 1), min(in_cols.stop, int(box.col1) + 1)
    if top >= bottom or left >= right:
        return LogitWindow(window.row, window.col, window.logits[:0, :0])
    cut = window.logits[
        top - window.row : bottom - window.row, left - window.col : right - window.col
    ]
    return LogitWindow(top, left, cut)
