"""A prompt that names a layer means the layer: what is decoded is refined to what labelling finds.

A box of a layer may be loose, and a point says little of where the layer ends: both are answered by
the layer as it lies among the others, wherever that fits what the person has marked. Where it does
not, the person knows better, and the model's answer to the prompt stays.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.decoded import DecodedObject, ExactMask, LogitWindow
from napari_octsam.core.labelling import Labelling
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Box, Prompt, bounding_box

__all__ = ["names_layer", "refined"]

_LOOSE = 2  # rows by which a layer may leave its box
_NEAR = 3  # rows by which a point may miss its layer
_FITS = 0.9  # share of the layer's pixels that lie in its box, over the columns of the box
_FILLS = 0.5  # share of these columns in which there is any


def names_layer(prompt: Prompt, schema: LabelSchema) -> bool:
    """Whether a prompt is of a layer, and by a person's choice; a rough shape is taken as it is."""
    is_layer = prompt.class_value in {layer.value for layer in schema.layers}
    return is_layer and prompt.names_class and prompt.mask is None


def refined(found: DecodedObject, prompt: Prompt, labelling: Labelling) -> DecodedObject:
    """Return what was decoded with the layer as its first mask, the chosen one, where that fits.

    The model's own answers follow.

    Parameters
    ----------
    prompt
        One that `names_layer`.
    labelling
        Of the same B-scan.
    """
    mask = _fitting(labelling.labels == prompt.class_value, prompt)
    if mask is None:
        return found
    sure = labelling.confidence[mask]
    window = _as_window(mask, labelling)
    others = found.candidates[1:] or found.candidates
    scores = found.scores[1:] or found.scores
    return replace(
        found,
        candidates=(ExactMask(window), *others),
        scores=(float(sure.mean()), *scores),
        chosen=0,
    )


def _fitting(layer: Mask, prompt: Prompt) -> Mask | None:
    """Return the part of an (H, W) layer that a prompt means; None where it means another."""
    part = layer if prompt.box is None else _in_box(layer, prompt.box)
    if part is None or not part.any():
        return None
    for point in prompt.points:
        row, col = round(point.row), min(round(point.col), part.shape[1] - 1)
        reach = _NEAR if point.positive else 0
        is_near = bool(part[max(row - reach, 0) : row + reach + 1, col].any())
        if is_near != point.positive:
            return None
    return part


def _in_box(layer: Mask, box: Box) -> Mask | None:
    """Return the part of a layer in a box; None where it is not what the box is around."""
    first, last = round(box.col0), round(box.col1)
    top, bottom = max(round(box.row0) - _LOOSE, 0), round(box.row1) + _LOOSE
    there = layer[:, first : last + 1]
    inside = there[top : bottom + 1]
    pixels = np.count_nonzero(there)
    is_held = pixels and np.count_nonzero(inside) >= _FITS * pixels
    if not is_held or inside.any(axis=0).mean() < _FILLS:
        return None
    part = np.zeros_like(layer)
    part[top : bottom + 1, first : last + 1] = inside
    return part


def _as_window(mask: Mask, labelling: Labelling) -> LogitWindow:
    """Return a mask as logits: over 0 on it, and the more the surer the model is of its class."""
    box = bounding_box(mask)
    row, col = int(box.row0), int(box.col0)
    here = slice(row, int(box.row1) + 1), slice(col, int(box.col1) + 1)
    likely = 0.5 + 0.49 * labelling.confidence[here]
    logits = np.where(mask[here], np.log(likely / (1 - likely)), -5.0)
    return LogitWindow(row, col, logits.astype(np.float32))
