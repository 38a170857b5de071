"""What a model knew before it learnt something else: tried on phantoms."""

from __future__ import annotations

from functools import cache

import numpy as np

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.evaluation.metrics import dice
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.phantoms.bscan import Phantom, make_phantom

__all__ = ["remembered"]

_SEEDS = range(7_000, 7_003)
_SHAPE = (496, 512)


def remembered(model: Model) -> float | None:
    """Return how well a model names the layers of phantoms: the mean Dice, 0 to 1.

    None where it does not name their layers.
    """
    schema = bundled_schema("layers7")
    if known_as(model.header, schema) is None:
        return None
    return float(np.mean([_dice(model, _phantom(seed), schema) for seed in _SEEDS]))


def _dice(model: Model, phantom: Phantom, schema: LabelSchema) -> float:
    found = model.label(phantom.image, schema).plain.labels
    shown = [c.value for c in schema.foreground if (phantom.layers == c.value).any()]
    return float(np.mean([dice(found == value, phantom.layers == value) for value in shown]))


@cache
def _phantom(seed: int) -> Phantom:
    return make_phantom(seed, _SHAPE)
