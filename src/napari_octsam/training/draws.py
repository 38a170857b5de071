"""What each step of a run learns from: drawn anew from the seed, the epoch and the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.training.prompts.components import component_objects
from napari_octsam.training.prompts.simulation import SimulatedObject
from napari_octsam.training.views import VIEWS, BScanView, random_view, view_of

__all__ = ["Drawn", "StepDraws", "naming_half"]

View = TypeVar("View")


class Drawn(NamedTuple, Generic[View]):
    """What a step learns from one B-scan.

    Parameters
    ----------
    view
        Of the B-scan.
    objects
        That are asked for; their masks and prompts are in the frame of the view.
    corrections
        Points to add to each prompt where its mask is wrong.
    """

    view: View
    objects: list[SimulatedObject]
    corrections: int


class StepDraws:
    """The B-scans, views, objects and prompts of any step, the same whenever they are asked for.

    Parameters
    ----------
    bscans
        To learn from.
    schema
        Classes to learn.
    config
        All settings.

    Raises
    ------
    UserError
        There is nothing to learn from.
    """

    def __init__(
        self, bscans: Sequence[LabelledBScan], schema: LabelSchema, config: TrainConfig
    ) -> None:
        self._bscans = list(bscans)
        self._config = config
        self._values = [each.value for each in schema.asked(background=config.background)]
        self._check_labels()

    @property
    def steps(self) -> int:
        """Steps in which each B-scan is seen once."""
        return -(-len(self._bscans) // self._batch_size)

    @property
    def count(self) -> int:
        """Number of B-scans."""
        return len(self._bscans)

    @property
    def views(self) -> int:
        """Number of all views that a step can take."""
        return len(self._bscans) * self._views_each

    def images(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Make every (H, W) view that a step can take, one at a time."""
        each = range(self._views_each)
        return (view_of(bscan, i).image for bscan in self._bscans for i in each)

    def names(self, epoch: int, step: int, steps: int) -> list[str]:
        """Return the names of a step's B-scans; see `drawn`."""
        return [self._bscans[number].name for number in self._numbers(epoch, step, steps)]

    def drawn(self, epoch: int, step: int, steps: int) -> list[Drawn[BScanView]]:
        """Return what a step learns from; epoch and step are counted from 0.

        Parameters
        ----------
        steps
            Of an epoch. Where they are not those in which each B-scan is seen once, the next
            epoch goes on with the B-scans where one ends.
        """
        random = np.random.default_rng((self._config.seed, epoch, step))
        drawn = [self._draw(number, random) for number in self._numbers(epoch, step, steps)]
        return [each._replace(objects=naming_half(each.objects, random)) for each in drawn]

    def looked_at(self, bscan: LabelledBScan) -> Drawn[BScanView]:
        """Return a B-scan as it is, with objects and prompts that are the same each time."""
        random = np.random.default_rng(self._config.seed)
        objects = component_objects(bscan.labels, self._values, self._config, random)
        return Drawn(view_of(bscan, 0), naming_half(objects, random), corrections=0)

    @property
    def _views_each(self) -> int:
        return VIEWS if self._config.augment else 1

    @property
    def _batch_size(self) -> int:
        assert self._config.batch_size is not None
        return self._config.batch_size

    def _numbers(self, epoch: int, step: int, steps: int) -> list[int]:
        if steps == self.steps:
            start = step * self._batch_size
            return self._order(epoch)[start : start + self._batch_size]
        first = (epoch * steps + step) * self._batch_size
        rounds = (divmod(i, len(self._bscans)) for i in range(first, first + self._batch_size))
        return [self._order(number)[place] for number, place in rounds]

    def _order(self, number: int) -> list[int]:
        """Return the B-scans in the order in which they are seen for the time `number`, from 0."""
        order = np.arange(len(self._bscans))
        if self._config.shuffle:
            order = np.random.default_rng((self._config.seed, number)).permutation(order)
        return [int(i) for i in order]

    def _draw(self, number: int, random: np.random.Generator) -> Drawn[BScanView]:
        config = self._config
        view = self._view(self._bscans[number], random)
        objects = component_objects(view.labels, self._values, config, random)
        return Drawn(view, objects, int(random.integers(config.corrections + 1)))

    def _view(self, bscan: LabelledBScan, random: np.random.Generator) -> BScanView:
        if not self._config.augment:
            return view_of(bscan, 0)
        if self._config.adapts == "everything":
            return random_view(bscan, random)
        return view_of(bscan, int(random.integers(VIEWS)))

    def _check_labels(self) -> None:
        if not self._bscans:
            raise UserError("There is no labelled B-scan to learn from.")
        if not any(np.isin(bscan.labels, self._values).any() for bscan in self._bscans):
            raise UserError("No B-scan to learn from has a label of the schema's classes.")


def naming_half(
    objects: Sequence[SimulatedObject], random: np.random.Generator
) -> list[SimulatedObject]:
    """Return the objects with prompts of which half name the class: people may not know it."""
    named = random.random(len(objects)) < 0.5
    return [
        replace(each, prompt=replace(each.prompt, names_class=bool(is_named)))
        for each, is_named in zip(objects, named, strict=True)
    ]
