"""Labels of a model that only answers prompts, where another one says what to ask."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.core.labelling import Labelling, NamedPixels
from napari_octsam.core.named_prompts import labelling_of_masks, prompts_of_labels
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding

__all__ = ["label_prompted", "label_with"]


def label_prompted(model: Model, embedding: Embedding, named: NamedPixels) -> Labelling:
    """Have a model draw what another one named: its labels become boxes and points.

    Parameters
    ----------
    embedding
        Of `model`, of the B-scan that is named.
    named
        What the other model takes each pixel for.

    Raises
    ------
    UserError
        As of `Model.decode`.
    """
    prompts = prompts_of_labels(named.labels, named.schema)
    decoded = model.decode(embedding, prompts, named.schema) if prompts else []
    return labelling_of_masks(named.best, prompts, decoded, named.schema)


def label_with(
    model: Model, namer: Model | None, bscan: npt.NDArray[Any], schema: LabelSchema
) -> Labelling:
    """Label an (H, W) image, grey or in colour, by a model alone or by what a namer says to ask.

    Raises
    ------
    UserError
        As of `Model.label` and `Model.decode`.
    """
    if namer is None:
        return model.label(bscan, schema).best
    grey = normalised(as_grey(bscan))
    named = namer.label(namer.encode(grey), schema)
    return label_prompted(model, model.encode(grey), named)
