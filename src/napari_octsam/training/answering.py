"""Prompts answered: what a network learns from the objects of each B-scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.model import Model
from napari_octsam.models.named_classes import named_classes
from napari_octsam.models.network import Embedding, Features
from napari_octsam.models.prompt_batches import quickest_batch
from napari_octsam.topology.losses import OriginalTopologyLoss
from napari_octsam.training.batches import Placement, decode_in_batches, placement_of
from napari_octsam.training.losses.objects import Truth, object_losses
from napari_octsam.training.losses.segmentation import segmentation_loss
from napari_octsam.training.losses.topology import make_topology_loss, topology_loss
from napari_octsam.training.original_topology import original_topology_loss
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["Answering", "InStep"]


class InStep(NamedTuple):
    """What a step asks for in all: so many objects, in so many B-scans."""

    objects: int
    bscans: int


class Answering:
    """The losses of answering the prompts of objects.

    Parameters
    ----------
    model
        That is trained.
    schema
        Of the prompts' classes.
    config
        Says which losses there are.
    """

    def __init__(self, model: Model, schema: LabelSchema, config: TrainConfig) -> None:
        self._model = model
        self._schema = schema
        self._segmentation = segmentation_loss(config.loss)
        self._topology = make_topology_loss(config)

    def masks(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[Mask]:
        """Return the mask of each prompt, as the model finds it now."""
        decoded = self._model.decode(embedding, prompts, self._schema)
        return [each.window().mask(embedding.shape) for each in decoded]

    def losses(
        self,
        features: Features,
        objects: Sequence[SimulatedObject],
        shape: tuple[int, int],
        step: InStep,
        *,
        topology: bool,
    ) -> dict[str, Tensor]:
        """Decode the prompts of objects of one B-scan, and compare with their masks.

        Parameters
        ----------
        shape
            Rows and columns of the B-scan.
        topology
            Whether the topology loss counts, where the settings have one.

        Returns
        -------
        Their share of each part of the step's loss, which is a mean over its objects; the original
        topology loss is one over its B-scans, if there are several.
        """
        network, header, device = self._model.network, self._model.header, self._model.device
        placement = placement_of(header.profile, shape, network)
        image = network.prepare(features)
        prompts = [each.prompt for each in objects]
        original = isinstance(self._topology, OriginalTopologyLoss)
        extent = None if original else placement.extent  # interpolation looks beyond its edge
        order, (whole, scores) = decode_in_batches(
            network,
            lambda prompts: network.decode_masks(image, prompts, extent),
            prompts,
            placement,
            device,
            quickest_batch(network, device),
            named_classes(network.known_schemas, self._schema, prompts),
        )
        ordered = [objects[i] for i in order]
        rows, cols = placement.extent
        whole, scores = whole.float(), scores.float()
        logits, truth = whole[..., :rows, :cols], placement.truth(ordered, device)
        candidates = not header.single_mask
        losses = object_losses(logits, scores, truth, self._segmentation, candidates=candidates)
        losses = {name: loss * (len(objects) / step.objects) for name, loss in losses.items()}
        if topology:
            losses |= self._topology_part(whole[:, 0], ordered, placement, truth, step)
        return losses

    def _topology_part(
        self,
        single: Tensor,
        objects: Sequence[SimulatedObject],
        placement: Placement,
        truth: Truth,
        step: InStep,
    ) -> dict[str, Tensor]:
        """Return the share of (N, *mask_size) logits of objects; none where there is no loss."""
        loss, share = self._topology, len(objects) / step.objects
        rows, cols = placement.extent
        if loss is None:
            return {}
        if isinstance(loss, OriginalTopologyLoss):
            alone = step.bscans == 1
            share = share if alone else 1 / step.bscans
            found = original_topology_loss(loss, single, objects, placement.frame, alone=alone)
        else:
            found = topology_loss(loss, single[:, :rows, :cols], truth)
        return {} if found is None else {"topology": found * share}
