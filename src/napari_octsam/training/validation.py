"""How well a model that is being trained finds the classes of B-scans that it does not see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.evaluation.metrics import dice
from napari_octsam.evaluation.prompted import class_prompt
from napari_octsam.io.pairs import LabelledBScan
from napari_octsam.models.network import Embedding
from napari_octsam.models.sam import Model
from napari_octsam.topology.metrics import betti_error
from napari_octsam.training.events import ClassFigures

__all__ = ["mean_dice", "validate"]


def validate(
    model: Model,
    bscans: Sequence[LabelledBScan],
    schema: LabelSchema,
    encode: Callable[[npt.NDArray[np.uint8]], Embedding],
) -> dict[int, ClassFigures]:
    """Give one tight box for each class that a B-scan shows; return figures by label value.

    `encode` makes the embedding of an (H, W) uint8 B-scan, or has it.
    """
    dices, errors = defaultdict(list), defaultdict(list)
    for bscan in bscans:
        truths = {c.value: bscan.labels == c.value for c in schema.foreground}
        truths = {value: truth for value, truth in truths.items() if truth.any()}
        prompts = [class_prompt(truth, value, "box") for value, truth in truths.items()]
        decoded = model.decode(encode(bscan.image), prompts)
        counted = bscan.labels != NOT_LABELLED
        for (value, truth), found in zip(truths.items(), decoded, strict=True):
            mask = found.window().mask(truth.shape)
            dices[value].append(dice(mask, truth, counted))
            errors[value].append(sum(betti_error(mask & counted, truth)))
    return {
        value: ClassFigures(float(np.mean(dices[value])), float(np.mean(errors[value])))
        for value in sorted(dices)
    }


def mean_dice(classes: dict[int, ClassFigures]) -> float:
    """Return the mean Dice of the classes."""
    return float(np.mean([figures.dice for figures in classes.values()]))
