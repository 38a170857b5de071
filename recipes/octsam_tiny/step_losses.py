"""The losses of a step of octsam-tiny's training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from napari_octsam.models.precision import faster_precision
from napari_octsam.topology.losses import TopologyLoss
from napari_octsam.training.losses.masks import mask_losses, unlabelled_as_background
from napari_octsam.training.prompts.corrections import corrected
from napari_octsam.training.prompts.simulation import SimulatedObject
from recipes.octsam_tiny.augment import View
from recipes.octsam_tiny.batches import (
    ObjectBatch,
    object_batches,
    predicted_masks,
)
from recipes.octsam_tiny.learners import Learners, Promptable
from recipes.octsam_tiny.naming import naming_loss
from recipes.octsam_tiny.recipe import PretrainConfig, Stage

__all__ = ["StepLosses", "Totals", "ViewDraw"]

_LAYERS = "layers7"  # schema whose objects get the topology loss


class ViewDraw(NamedTuple):
    """What a step learns from: a view, its objects, and how many corrections they get."""

    view: View
    objects: list[SimulatedObject]
    corrections: int


class Totals(NamedTuple):
    """How many objects of a step each of the losses is a mean of."""

    objects: int
    named: int
    layers: int

    @classmethod
    def of(cls, draws: Sequence[ViewDraw]) -> Totals:
        """Count them."""
        names = [each.named for draw in draws for each in draw.objects]
        named = [name for name in names if name is not None]
        return cls(len(names), len(named), sum(schema == _LAYERS for schema, _ in named))


class StepLosses:
    """Computes the losses of what is drawn for a step.

    Parameters
    ----------
    learners
        What learns.
    config
        The numbers.
    device
        Where it computes.
    """

    def __init__(self, learners: Learners, config: PretrainConfig, device: torch.device) -> None:
        self._learners = learners
        self._config = config
        self._device = device
        self._topology = TopologyLoss()
        # elsewhere it is emulated: twenty times slower than float32 on many CPUs
        self._in_bfloat16 = faster_precision(device) == "bfloat16"

    def of(
        self, draws: Sequence[ViewDraw], stage: Stage, totals: Totals, share: float
    ) -> dict[str, Tensor]:
        """Return the part of each loss of a step that is due to some of its draws.

        Parameters
        ----------
        totals
            Of the whole step.
        share
            Of its views.
        """
        network = self._learners.network
        pixels = torch.stack([draw.view.pixels for draw in draws]).to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._in_bfloat16):
            features = network.encode_image(pixels)
        features = {name: maps.float() for name, maps in features.items()}
        by_view = {name: torch.split(maps, 1) for name, maps in features.items()}
        size = (pixels.shape[2], pixels.shape[3])
        parts: dict[str, list[Tensor]] = defaultdict(list)
        for i, draw in enumerate(draws):
            if not draw.objects:
                continue
            image = network.prepare({name: maps[i] for name, maps in by_view.items()})
            objects = draw.objects
            if draw.corrections:
                predict = predicted_masks(network, image, size, self._device)
                objects = corrected(objects, draw.corrections, predict)
            for batch in object_batches(objects, network, self._device):
                for name, loss in self._of_objects(network, image, batch, stage, totals).items():
                    parts[name].append(loss)
        losses = {name: torch.stack(found).sum() for name, found in parts.items()}
        if network.pixel_names is not None:
            views = [draw.view for draw in draws]
            named = naming_loss(network.pixel_names, features["fine"], views, stage.balance)
            losses["pixels"] = share * self._config.pixel_weight * named
        return losses

    def _of_objects(
        self, network: Promptable, image: Any, batch: ObjectBatch, stage: Stage, totals: Totals
    ) -> dict[str, Tensor]:
        """Return the part of each loss of a step that is due to a batch of its objects."""
        asked = batch.prompts
        prompts = network.encode_prompts(asked.points, asked.boxes, asked.masks)
        logits, iou, tokens = network.decode_with_tokens(image, prompts)
        found = mask_losses(logits, iou, batch.target, batch.counts)
        share = len(logits) / totals.objects
        losses = {name: share * loss for name, loss in found._asdict().items()}
        named = {i: name for i, name in enumerate(batch.named) if name is not None}
        if named and self._config.object_weight:
            loss = self._learners.names.loss(tokens[list(named), 0], list(named.values()))
            losses["objects"] = len(named) / totals.named * self._config.object_weight * loss
        layers = [i for i, (schema, _) in named.items() if schema == _LAYERS]
        if layers and stage.topology and bool(logits.isfinite().all()):
            mask, target = unlabelled_as_background(
                logits[layers, 0], batch.target[layers], batch.counts[layers]
            )
            loss = self._topology(mask[None], target[None])
            losses["topology"] = len(layers) / totals.layers * stage.topology * loss
        return losses
