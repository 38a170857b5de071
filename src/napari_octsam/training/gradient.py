"""The gradient of a step's objects, in groups that fit the memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

import torch

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.devices import explaining_memory
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding, Features
from napari_octsam.training.events import StepPart
from napari_octsam.training.losses.objects import ObjectLosses
from napari_octsam.training.prompts.corrections import corrected
from napari_octsam.training.prompts.simulation import SimulatedObject
from napari_octsam.training.views import BScanView

__all__ = ["Drawn", "StepGradient"]


_ON_CPU = 8  # more are no faster there, and Stop would be heard later


class Drawn(NamedTuple):
    """What a step learns from one B-scan.

    Parameters
    ----------
    corrections
        Points to add to each prompt where its mask is wrong.
    """

    view: BScanView
    objects: list[SimulatedObject]
    corrections: int


class StepGradient:
    """Adds gradients to a model's parameters.

    Parameters
    ----------
    model
        That is trained.
    config
        All settings.
    features
        Gives what the encoder makes of a view, on the model's device.
    scaler
        Scales the loss, where the encoder computes in float16.
    """

    def __init__(
        self,
        model: Model,
        config: TrainConfig,
        features: Callable[[BScanView], Features],
        scaler: torch.amp.GradScaler,
    ) -> None:
        self._model = model
        self._scaler = scaler
        self._features = features
        self._losses = ObjectLosses(model.network, model.header, config, model.device)
        on_cpu = model.device.type == "cpu"
        self.at_once = min(config.objects, _ON_CPU) if on_cpu else config.objects
        """Most objects of a B-scan to decode together."""

    def add(
        self, batch: Sequence[Drawn], total: int, *, with_topology: bool
    ) -> Generator[StepPart, None, dict[str, float]]:
        """Add the gradient of the mean over all objects, group by group; return the loss's parts.

        Parameters
        ----------
        total
            Number of objects that the mean is over.

        Raises
        ------
        NotEnoughMemoryError
            Memory ran out; the gradients are worth nothing then.
        """
        parts: dict[str, float] = defaultdict(float)
        done = 0
        with explaining_memory(self._model.device):
            for drawn in batch:
                encoded = self._features(drawn.view)
                leaves = {n: p.detach().requires_grad_(p.requires_grad) for n, p in encoded.items()}
                for group in self._groups(drawn, leaves):
                    losses = self._losses.losses(
                        leaves, group, _shape(drawn.view), with_topology=with_topology
                    )
                    share = len(group) / total
                    loss = torch.stack(list(losses.values())).sum() * share
                    self._scaler.scale(loss).backward()
                    for name, loss in losses.items():
                        parts[name] += share * float(loss.detach())
                    done += len(group)
                    yield StepPart(done, total)
                _pass_on(encoded, leaves)
        return dict(parts)

    def halve(self, batch: Sequence[Drawn]) -> bool:
        """Take half as many objects of this batch at once; return whether that is possible."""
        taken = min(self.at_once, max(len(drawn.objects) for drawn in batch))
        self.at_once = max(taken // 2, 1)
        return taken > 1

    def _groups(self, drawn: Drawn, features: Features) -> Iterator[list[SimulatedObject]]:
        embedding = Embedding(features, _shape(drawn.view))

        def predict(prompts: Sequence[Prompt]) -> list[Mask]:
            decoded = self._model.decode(embedding, prompts)
            return [each.window().mask(embedding.shape) for each in decoded]

        for start in range(0, len(drawn.objects), self.at_once):
            group = drawn.objects[start : start + self.at_once]
            yield corrected(group, drawn.corrections, predict)


def _shape(view: BScanView) -> tuple[int, int]:
    return view.image.shape[0], view.image.shape[1]


def _pass_on(encoded: Features, leaves: Features) -> None:
    """Let the gradient go on from the features into the encoder, once for all groups."""
    reached = [(encoded[n], leaf.grad) for n, leaf in leaves.items() if leaf.grad is not None]
    if reached:
        parts, gradients = zip(*reached, strict=True)
        torch.autograd.backward(parts, gradients)
