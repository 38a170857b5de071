"""Prompts answered: what a network learns from the objects of each B-scan."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.model import Model
from napari_octsam.models.named_classes import named_classes
from napari_octsam.models.network import Embedding, Features
from napari_octsam.models.prompt_batches import quickest_batch
from napari_octsam.training.batches import decode_in_batches, placement_of
from napari_octsam.training.losses.objects import object_losses
from napari_octsam.training.losses.segmentation import segmentation_loss
from napari_octsam.training.losses.topology import make_topology_loss, topology_loss
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["Answering"]


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
        *,
        topology: bool,
    ) -> dict[str, Tensor]:
        """Decode the prompts of objects of one B-scan, and compare with their masks.

        Each part of the loss is a mean over the objects.

        Parameters
        ----------
        shape
            Rows and columns of the B-scan.
        topology
            Whether the topology loss counts, where the settings have one.
        """
        network, header, device = self._model.network, self._model.header, self._model.device
        placement = placement_of(header.profile, shape, network)
        image = network.prepare(features)
        prompts = [each.prompt for each in objects]
        order, (logits, scores) = decode_in_batches(
            network,
            lambda prompts: network.decode_masks(image, prompts, placement.extent),
            prompts,
            placement,
            device,
            quickest_batch(network, device),
            named_classes(network.known_schemas, self._schema, prompts),
        )
        logits, scores = logits.float(), scores.float()
        truth = placement.truth([objects[i] for i in order], device)
        candidates = not header.single_mask
        losses = object_losses(logits, scores, truth, self._segmentation, candidates=candidates)
        if self._topology is not None and topology:
            found = topology_loss(self._topology, logits[:, 0], truth)
            if found is not None:
                losses["topology"] = found
        return losses
