"""How well a model that is being trained finds the classes of B-scans that it does not see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.masks import Mask, composite
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import boundary_error, dice, mean_known
from napari_octsam.evaluation.prompted import Encode, FoundClasses, find_classes
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.models.network import Embedding
from napari_octsam.topology.metrics import betti_error
from napari_octsam.training.events import ClassMetrics, Sample, Validated

__all__ = ["LossesOf", "Validating", "Validation", "score_of"]

LossesOf = Callable[[LabelledBScan, Embedding], Mapping[str, float]]
"""Gives the parts of the loss of a B-scan."""


class Validation(NamedTuple):
    """What was found of a model.

    Parameters
    ----------
    classes, automatic
        Metrics by label value, asked for and not.
    losses
        Parts of the loss: means over the validation B-scans.
    samples
        What it makes of the B-scans that are shown.
    """

    classes: dict[int, ClassMetrics]
    automatic: dict[int, ClassMetrics]
    losses: dict[str, float]
    samples: tuple[Sample, ...]


class Validating:
    """Looks at a model as it is now.

    Where the model names pixels by the schema, its names are measured too, each pixel's by itself.

    Parameters
    ----------
    model
        That is trained.
    training, validation
        The parts of the split; of the first, only what is to be shown is looked at.
    schema
        Classes to learn.
    config
        Says which B-scans are shown, and whether the background is a class.
    encode
        Makes the embedding of an (H, W) uint8 B-scan, or has it.
    losses_of
        See the type.
    """

    def __init__(
        self,
        model: Model,
        training: Sequence[LabelledBScan],
        validation: Sequence[LabelledBScan],
        schema: LabelSchema,
        config: TrainConfig,
        encode: Encode,
        losses_of: LossesOf,
    ) -> None:
        self._model, self._schema, self._config = model, schema, config
        self._validation = list(validation)
        self._shown = _shown(config, config.display_samples, len(self._validation))
        places = _shown(config, config.display_train, len(training))
        self._learnt_from = [training[place] for place in places]
        self._names = known_as(model.header, schema) is not None
        self._encode, self._losses_of = encode, losses_of

    def look(self) -> Generator[Validated, None, Validation]:
        """Give one tight box for each class that a B-scan shows; tell after each B-scan."""
        asked, unasked = _Found(), _Found()
        losses: dict[str, list[float]] = defaultdict(list)
        samples: dict[int, Sample] = {}
        for place, found in enumerate(self._found(self._validation)):
            labels = found.bscan.labels
            for value, decoded in found.objects.items():
                asked.add(value, decoded.window().mask(labels.shape), found.bscan)
            named = self._named(found)
            if named is not None:
                for value in found.objects:
                    unasked.add(value, named.plain == value, found.bscan)
            for name, loss in self._losses_of(found.bscan, found.embedding).items():
                losses[name].append(loss)
            if place in self._shown:
                samples[place] = _sample(found, named, "validation")
            yield Validated(place + 1, len(self._validation))
        return Validation(
            asked.metrics,
            unasked.metrics,
            {name: float(np.mean(each)) for name, each in losses.items()},
            (*(samples[place] for place in self._shown), *self._training_samples()),
        )

    def _found(self, bscans: Sequence[LabelledBScan]) -> Generator[FoundClasses, None, None]:
        yield from find_classes(
            self._model,
            bscans,
            self._schema,
            encode=self._encode,
            background=self._config.background,
        )

    def _named(self, found: FoundClasses) -> _Named | None:
        if not self._names:
            return None
        labelled = self._model.label(found.embedding, self._schema)
        return _Named(labelled.plain.labels, labelled.labels)

    def _training_samples(self) -> list[Sample]:
        found = self._found(self._learnt_from)
        return [_sample(each, self._named(each), "training") for each in found]


class _Named(NamedTuple):
    """Label values of a B-scan, pixel by pixel, and by its layers' order."""

    plain: npt.NDArray[np.uint8]
    ordered: npt.NDArray[np.uint8]


class _Found:
    """What was measured of the classes, by label value."""

    def __init__(self) -> None:
        self._dices: dict[int, list[float]] = defaultdict(list)
        self._errors: dict[int, list[int]] = defaultdict(list)
        self._distances: dict[int, list[float]] = defaultdict(list)

    def add(self, value: int, mask: Mask, bscan: LabelledBScan) -> None:
        truth, counted = bscan.labels == value, bscan.labels != NOT_LABELLED
        self._dices[value].append(dice(mask, truth, counted))
        self._errors[value].append(sum(betti_error(mask & counted, truth)))
        self._distances[value].append(mean_known(boundary_error(mask, truth, counted)))

    @property
    def metrics(self) -> dict[int, ClassMetrics]:
        return {value: self._of(value) for value in sorted(self._dices)}

    def _of(self, value: int) -> ClassMetrics:
        distance = mean_known(self._distances[value])
        return ClassMetrics(
            float(np.mean(self._dices[value])),
            float(np.mean(self._errors[value])),
            None if np.isnan(distance) else float(distance),
        )


def score_of(found: Validation, losses: Mapping[str, float]) -> float:
    """Return the score of an epoch: the higher, the better.

    The mean Dice of the classes, those that were asked for and those that were not alike; where
    there are none, the negative loss without its parts on topology, which only later epochs have.
    """
    ways = [way for way in (found.classes, found.automatic) if way]
    if ways:
        return float(np.mean([np.mean([each.dice for each in way.values()]) for way in ways]))
    return -sum(loss for name, loss in losses.items() if not name.startswith("topology"))


def _shown(config: TrainConfig, most: int, count: int) -> tuple[int, ...]:
    """Return the places of the B-scans of a part of so many that are shown."""
    if not most:
        return ()
    places = range(most) if config.displayed is None else config.displayed
    return tuple(dict.fromkeys(place for place in places if place < count))


def _prompted(found: FoundClasses) -> npt.NDArray[np.uint8]:
    labels = found.bscan.labels
    windows = ((value, decoded.window()) for value, decoded in found.objects.items())
    return composite((labels.shape[0], labels.shape[1]), windows)


def _sample(
    found: FoundClasses, named: _Named | None, part: Literal["training", "validation"]
) -> Sample:
    labels = _prompted(found) if named is None else named.ordered
    shown = np.where(labels == NOT_LABELLED, np.uint8(0), labels)
    return Sample(found.bscan.name, found.bscan.image, shown, found.bscan.labels, part)
