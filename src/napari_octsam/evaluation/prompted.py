"""How well a promptable model finds each class when it is given one prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.prompts import Point, Prompt, bounding_box
from napari_octsam.evaluation.metrics import dice
from napari_octsam.io.pairs import LabelledBScan
from napari_octsam.models.sam import Model

__all__ = ["PROMPT_KINDS", "ClassScore", "class_prompt", "score_model", "summarise"]

PROMPT_KINDS = ("box", "point")


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Dice of one class on one B-scan."""

    bscan: str
    class_value: int
    dice: float


def class_prompt(mask: npt.NDArray[np.bool_], class_value: int, kind: str) -> Prompt:
    """Return the prompt for all pixels of a class.

    Parameters
    ----------
    mask
        (H, W) bool, not empty.
    kind
        "box": the tight bounding box; "point": one positive point, as deep in the mask as can be.
    """
    if kind == "box":
        return Prompt(class_value, box=bounding_box(mask))
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), mask.shape)
    return Prompt(class_value, points=(Point(float(row), float(col)),))


def score_model(
    model: Model, pairs: Iterable[LabelledBScan], schema: LabelSchema, kind: str = "box"
) -> list[ClassScore]:
    """Give the model one prompt for each class present in each B-scan, and score its mask."""
    return [score for pair in pairs for score in _score_bscan(model, pair, schema, kind)]


def _score_bscan(
    model: Model, pair: LabelledBScan, schema: LabelSchema, kind: str
) -> list[ClassScore]:
    truths = {c.value: pair.labels == c.value for c in schema.foreground}
    truths = {value: truth for value, truth in truths.items() if truth.any()}
    prompts = [class_prompt(truth, value, kind) for value, truth in truths.items()]
    objects = model.decode(model.encode(pair.image), prompts)
    counted = pair.labels != NOT_LABELLED
    return [
        ClassScore(pair.name, value, dice(found.window().mask(truth.shape), truth, counted))
        for (value, truth), found in zip(truths.items(), objects, strict=True)
    ]


def summarise(scores: Sequence[ClassScore]) -> dict[int, float]:
    """Return the mean Dice of each class over the B-scans that have it."""
    values = sorted({score.class_value for score in scores})
    return {v: float(np.nanmean([s.dice for s in scores if s.class_value == v])) for v in values}
