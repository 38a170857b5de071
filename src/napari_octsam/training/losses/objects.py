"""The losses of the objects of one B-scan, given what its encoder made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.core.config import TrainConfig
from napari_octsam.models.frames import Frame, make_frame
from napari_octsam.models.header import Header
from napari_octsam.models.network import Features, Network
from napari_octsam.models.prompt_batches import PromptBatch, prompt_batches, quickest_batch
from napari_octsam.topology.losses import preset_loss
from napari_octsam.training.losses.masks import mask_losses, unlabelled_as_background
from napari_octsam.training.losses.segmentation import segmentation_loss
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["ObjectLosses", "topology_loss"]


class _Truth(NamedTuple):
    """Of N objects, (N, h, w): the share of each cell that is foreground, and that counts."""

    target: Tensor
    counts: Tensor


class ObjectLosses:
    """Computes the parts of the loss; each is a mean over the objects.

    Parameters
    ----------
    network
        Whose decoder is trained.
    header
        Says how B-scans lie in the network's input, and which masks are learnt.
    config
        Names the losses and their weights.
    device
        Where it computes.
    """

    def __init__(
        self, network: Network, header: Header, config: TrainConfig, device: torch.device
    ) -> None:
        self._network = network
        self._header = header
        self._device = device
        self._segmentation = segmentation_loss(config.loss)
        self._topology = topology_loss(config)

    def losses(
        self,
        features: Features,
        objects: Sequence[SimulatedObject],
        shape: tuple[int, int],
        *,
        with_topology: bool,
    ) -> dict[str, Tensor]:
        """Decode the objects' prompts and compare with their masks.

        Segmentation and topology take cells that nobody labelled for the most part as background
        in mask and truth alike; the candidates' loss weighs each cell by its labelled share.

        Parameters
        ----------
        features
            Of the B-scan, each (1, ...), on the device.
        objects
            At least one.
        shape
            Rows and columns of the B-scan.
        """
        frame = make_frame(self._header.profile, shape, self._network.input_size)
        grid = frame.mask_grid(self._network.mask_size)
        prompts = [o.prompt for o in objects]
        image = self._network.prepare(features)
        size, most = self._network.mask_input_size, quickest_batch(self._network, self._device)
        decoded = [
            (batch, *self._decode(image, batch, grid.extent))
            for batch in prompt_batches(prompts, frame, size, self._device, most)
        ]
        order = [i for batch, _, _ in decoded for i in batch.indices]
        logits = torch.cat([each for _, each, _ in decoded])
        scores = torch.cat([each for _, _, each in decoded])
        truth = self._truth([objects[i] for i in order], frame, grid.extent)
        return self._compare(logits, scores, truth, with_topology=with_topology)

    def _decode(
        self, image: Any, batch: PromptBatch, extent: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        prompts = self._network.encode_prompts(batch.points, batch.boxes, batch.masks)
        return self._network.decode_masks(image, prompts, extent)

    def _truth(
        self, objects: Sequence[SimulatedObject], frame: Frame, extent: tuple[int, int]
    ) -> _Truth:
        size = self._network.mask_size
        rows, cols = extent
        targets = np.stack([frame.coverage(o.mask, size)[:rows, :cols] for o in objects])
        counts = np.ones_like(targets)
        for count, each in zip(counts, objects, strict=True):
            if each.ignored is not None:
                count -= frame.coverage(each.ignored, size)[:rows, :cols]
        return _Truth(*(torch.from_numpy(a).to(self._device) for a in (targets, counts)))

    def _compare(
        self, logits: Tensor, scores: Tensor, truth: _Truth, *, with_topology: bool
    ) -> dict[str, Tensor]:
        logits = logits.float()
        single, target = unlabelled_as_background(logits[:, 0], *truth)
        losses = {"segmentation": self._segmentation(single[:, None], target[:, None])}
        if not self._header.single_mask:
            each = mask_losses(logits, scores.float(), *truth)
            losses |= {"candidates": each.candidates, "iou": each.iou}
        finite = bool(single.isfinite().all())  # where it is not, the other losses tell
        if self._topology is not None and with_topology and finite:
            losses["topology"] = self._topology(single[None], target[None])
        return losses


def topology_loss(config: TrainConfig) -> nn.Module | None:
    """Return the topology loss of a configuration, weighted, if it has one."""
    if config.topology == "none" or not config.uses_topology:
        return None
    side = config.topology_size
    size = None if side is None else (side, side)
    return preset_loss(config.topology, config.topology_weight, size=size)
