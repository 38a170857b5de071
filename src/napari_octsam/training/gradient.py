"""The gradient of one step, from top to bottom.

for each B-scan of the step:
    name its pixels, where the model can, compare with the labels, add the gradient
    for each group of its objects:
        decode their prompts, compare with the truth, add the gradient
for a B-scan that nobody labelled, where there are any:
    name its pixels, compare their shapes with what is expected, add the gradient
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.models.devices import NotEnoughMemoryError, explaining_memory
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding
from napari_octsam.training.answering import Answering, InStep
from napari_octsam.training.distributed import Workers
from napari_octsam.training.draws import Drawn
from napari_octsam.training.encoding import Encoding, cut_off, pass_on
from napari_octsam.training.events import StepPart
from napari_octsam.training.groups import Groups
from napari_octsam.training.memory import Memory
from napari_octsam.training.naming import PixelNaming
from napari_octsam.training.prompts.corrections import corrected
from napari_octsam.training.shape_prior import ShapePrior
from napari_octsam.training.views import BScanView

__all__ = ["StepGradient"]


class StepGradient:
    """What a step learns, as a gradient of the network's weights.

    Parameters
    ----------
    model
        That is trained; where it is to name pixels, it knows the schema.
    schema
        Classes to learn.
    config
        From `TrainConfig.suited`.
    encoding
        Of the model.
    workers
        The processes that share the run.
    names
        Whether it learns to name pixels too.
    unlabelled
        (H, W) uint8 B-scans that nobody labelled, for the prior on their shapes.

    Attributes
    ----------
    groups : Groups
        How many objects are decoded at once.

    Raises
    ------
    UserError
        A prior is set, and the model does not learn to name pixels, or nothing is known of shapes.
    """

    def __init__(
        self,
        model: Model,
        schema: LabelSchema,
        config: TrainConfig,
        encoding: Encoding,
        workers: Workers,
        *,
        names: bool,
        unlabelled: Sequence[npt.NDArray[np.uint8]] = (),
    ) -> None:
        self._device = model.device
        self._encoding, self._workers = encoding, workers
        self._naming = PixelNaming(model, schema, config) if names else None
        self._memory = Memory(model, schema) if names else None
        self._answering = Answering(model, schema, config)
        self._prior: ShapePrior | None = None
        if config.topology_prior:
            if not names:
                raise UserError(
                    "topology_prior judges pixels that are named unasked: it needs octsam-tiny, or "
                    "a model made from it, and adapts set to everything."
                )
            self._prior = ShapePrior(model, schema, config, unlabelled)
        self.groups = Groups(config, model.device)

    def add(
        self,
        drawn: Sequence[Drawn[BScanView]],
        place: tuple[int, int],
        back: Callable[[Tensor], object],
        *,
        topology: bool,
    ) -> Generator[StepPart, None, dict[str, float]]:
        """Add this process's share of a step's gradient, group by group.

        It is that of the mean over all objects; of naming pixels, of the mean over all B-scans.

        Parameters
        ----------
        drawn
            What all processes learn from.
        place
            Epoch and step, counted from 0.
        back
            Goes back from a loss, and adds its gradient.
        topology
            Whether the topology loss has begun.

        Returns
        -------
        Its share of the parts of the loss, weighted as they are summed.

        Raises
        ------
        NotEnoughMemoryError
            `groups` did not fit.
        """
        parts: dict[str, float] = defaultdict(float)
        step, done = _asked(drawn), 0

        def learn(losses: Mapping[str, Tensor], share: float = 1.0) -> None:
            if losses:
                back(torch.stack(list(losses.values())).sum() * share)
            for name, each in losses.items():
                parts[name] += share * float(each.detach())

        with explaining_memory(self._device):
            for view, objects, corrections in self._workers.share(drawn):
                encoded = self._encoding.features(view)
                features = cut_off(encoded)
                if self._naming is not None and self._memory is not None:
                    named = self._naming.losses(features, view, topology=topology)
                    places = self._naming.places(view.labels)
                    learn(named | self._memory.losses(features, view, places), 1 / len(drawn))
                predict = partial(self._answering.masks, Embedding(features, view.shape))
                for at_once in self.groups.cut(objects):
                    group = corrected(at_once, corrections, predict)
                    learn(
                        self._answering.losses(features, group, view.shape, step, topology=topology)
                    )
                    done += len(group)
                    if self._workers.size == 1:  # else each has its own number of groups
                        yield StepPart(done, step.objects)
                pass_on(features, encoded)
            if self._prior is not None and self._workers.leads:
                view = self._prior.drawn(*place)
                learn(self._prior.losses(self._encoding.features(view), view))
        return dict(parts)

    def halve(self, drawn: Sequence[Drawn[BScanView]], error: NotEnoughMemoryError) -> None:
        """Take half as many objects at once as did not fit; UserError where there are no less."""
        most = max((len(each.objects) for each in self._workers.share(drawn)), default=0)
        self.groups.halve(most, error)

    @torch.no_grad()
    def losses_of(self, drawn: Drawn[BScanView], embedding: Embedding) -> dict[str, float]:
        """Return the parts of the loss of a B-scan that is only looked at, the topology's too."""
        view, objects, _ = drawn
        features = embedding.to(self._device).features
        found: dict[str, float] = defaultdict(float)
        with explaining_memory(self._device):
            losses = [
                self._answering.losses(features, group, view.shape, _asked([drawn]), topology=True)
                for group in self.groups.cut(objects)
            ]
            if self._naming is not None:
                losses.append(self._naming.losses(features, view, topology=True))
        for each in losses:
            for name, loss in each.items():
                found[name] += float(loss)
        return dict(found)


def _asked(drawn: Sequence[Drawn[BScanView]]) -> InStep:
    counts = [len(each.objects) for each in drawn if each.objects]
    return InStep(sum(counts), len(counts))
