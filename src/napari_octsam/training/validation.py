"""How well a model that is being trained finds the classes of B-scans that it does not see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.masks import Mask, composite
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import dice
from napari_octsam.evaluation.prompted import Encode, FoundClasses, find_classes
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.topology.metrics import betti_error
from napari_octsam.training.events import ClassMetrics, Sample, Validated

__all__ = ["Validation", "score_of", "validate"]


class Validation(NamedTuple):
    """Metrics by label value, asked for and not, and what the model makes of the first B-scans."""

    classes: dict[int, ClassMetrics]
    automatic: dict[int, ClassMetrics]
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

    Where the model names pixels by the schema, its names are measured too, each pixel's by itself.

    Parameters
    ----------
    encode
        Makes the embedding of an (H, W) uint8 B-scan, or has it.
    display
        Number of B-scans to keep as samples.
    background
        Whether the background is a class to ask for.
    """
    asked, unasked = _Found(), _Found()
    samples: list[Sample] = []
    names = known_as(model.header, schema) is not None
    looked_at = find_classes(model, bscans, schema, encode=encode, background=background)
    for done, found in enumerate(looked_at, start=1):
        labels = found.bscan.labels
        for value, decoded in found.objects.items():
            asked.add(value, decoded.window().mask(labels.shape), found.bscan)
        labelled = model.label(found.embedding, schema) if names else None
        if labelled is not None:
            for value in found.objects:
                unasked.add(value, labelled.plain.labels == value, found.bscan)
        if len(samples) < display:
            samples.append(
                _sample(found, _prompted(found) if labelled is None else labelled.labels)
            )
        yield Validated(done, len(bscans))
    return Validation(asked.metrics, unasked.metrics, tuple(samples))


class _Found:
    """What was measured of the classes, by label value."""

    def __init__(self) -> None:
        self._dices: dict[int, list[float]] = defaultdict(list)
        self._errors: dict[int, list[int]] = defaultdict(list)

    def add(self, value: int, mask: Mask, bscan: LabelledBScan) -> None:
        truth, counted = bscan.labels == value, bscan.labels != NOT_LABELLED
        self._dices[value].append(dice(mask, truth, counted))
        self._errors[value].append(sum(betti_error(mask & counted, truth)))

    @property
    def metrics(self) -> dict[int, ClassMetrics]:
        return {
            value: ClassMetrics(float(np.mean(dices)), float(np.mean(self._errors[value])))
            for value, dices in sorted(self._dices.items())
        }


def score_of(found: Validation, losses: Mapping[str, float]) -> float:
    """Return the score of an epoch: the higher, the better.

    The mean Dice of the classes, those that were asked for and those that were not alike; where
    there are none, the negative loss without its topology part, which only the later epochs have.
    """
    ways = [way for way in (found.classes, found.automatic) if way]
    if ways:
        return float(np.mean([np.mean([each.dice for each in way.values()]) for way in ways]))
    return -sum(loss for name, loss in losses.items() if name != "topology")


def _prompted(found: FoundClasses) -> npt.NDArray[np.uint8]:
    labels = found.bscan.labels
    windows = ((value, decoded.window()) for value, decoded in found.objects.items())
    return composite((labels.shape[0], labels.shape[1]), windows)


def _sample(found: FoundClasses, labels: npt.NDArray[np.uint8]) -> Sample:
    shown = np.where(labels == NOT_LABELLED, np.uint8(0), labels)
    return Sample(found.bscan.name, found.bscan.image, shown, found.bscan.labels)
