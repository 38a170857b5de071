"""How well a model that is being trained finds the classes of B-scans that it does not see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.masks import composite
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import dice
from napari_octsam.evaluation.prompted import Encode, FoundClasses, find_classes
from napari_octsam.models.model import Model
from napari_octsam.topology.metrics import betti_error
from napari_octsam.training.events import ClassMetrics, Sample, Validated

__all__ = ["Validation", "score_of", "validate"]


class Validation(NamedTuple):
    """Metrics by label value, and what the model makes of the first B-scans."""

    classes: dict[int, ClassMetrics]
    samples: tuple[Sample, ...]


def validate(
    model: Model,
    bscans: Sequence[LabelledBScan],
    schema: LabelSchema,
    encode: Encode,
    display: int = 0,
    *,
    background: bool = False,
) -> Generator[Validated, None, Validation]:
    """Give one tight box for each class that a B-scan shows; tell after each B-scan.

    Parameters
    ----------
    encode
        Makes the embedding of an (H, W) uint8 B-scan, or has it.
    display
        Number of B-scans to keep as samples.
    background
        Whether the background is a class to ask for.
    """
    dices, errors = defaultdict(list), defaultdict(list)
    samples: list[Sample] = []
    looked_at = find_classes(model, bscans, schema, encode=encode, background=background)
    for done, found in enumerate(looked_at, start=1):
        labels = found.bscan.labels
        counted = labels != NOT_LABELLED
        for value, decoded in found.objects.items():
            truth, mask = labels == value, decoded.window().mask(labels.shape)
            dices[value].append(dice(mask, truth, counted))
            errors[value].append(sum(betti_error(mask & counted, truth)))
        if len(samples) < display:
            samples.append(_sample(found))
        yield Validated(done, len(bscans))
    classes = {
        value: ClassMetrics(float(np.mean(dices[value])), float(np.mean(errors[value])))
        for value in sorted(dices)
    }
    return Validation(classes, tuple(samples))


def score_of(classes: Mapping[int, ClassMetrics], losses: Mapping[str, float]) -> float:
    """Return the score of an epoch: the higher, the better.

    The mean Dice of the classes; where there are none, the negative loss without its topology part,
    which only the later epochs have.
    """
    if classes:
        return float(np.mean([each.dice for each in classes.values()]))
    return -sum(loss for name, loss in losses.items() if name != "topology")


def _sample(found: FoundClasses) -> Sample:
    bscan = found.bscan
    windows = ((value, decoded.window()) for value, decoded in found.objects.items())
    labels = composite((bscan.labels.shape[0], bscan.labels.shape[1]), windows)
    labels[labels == NOT_LABELLED] = 0
    return Sample(bscan.name, bscan.image, labels, bscan.labels)
