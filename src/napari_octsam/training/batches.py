"""Objects of one view as the tensors that a network takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import make_frame
from napari_octsam.models.prompt_batches import PromptBatch, prompt_batches
from napari_octsam.models.tiny import TinyNetwork
from napari_octsam.models.tiny_encoder import STRIDES
from napari_octsam.training.losses import area_targets
from napari_octsam.training.simulation import SimulatedObject

__all__ = ["ObjectBatch", "object_batches", "predicted_masks"]


_MOST = 16  # prompts decoded at once: gradients want few batches


class ObjectBatch(NamedTuple):
    """N objects of one view whose prompts have the same parts.

    `target` and `counts` are (N, h, w), of the size of the logits: see `mask_losses`.
    """

    prompts: PromptBatch
    target: Tensor
    counts: Tensor
    named: list[tuple[str, int] | None]


def object_batches(
    objects: Sequence[SimulatedObject], device: torch.device
) -> Iterator[ObjectBatch]:
    """Batch objects whose masks and prompts are in the frame of the network's input."""
    if not objects:
        return
    rows, cols = objects[0].mask.shape
    size = rows // STRIDES["fine"][0], cols // STRIDES["fine"][1]
    for batch in _batches([o.prompt for o in objects], (rows, cols), device):
        members = [objects[i] for i in batch.indices]
        truth = torch.from_numpy(np.stack([o.mask for o in members]))
        ignored = [np.zeros_like(o.mask) if o.ignored is None else o.ignored for o in members]
        yield ObjectBatch(
            prompts=batch,
            target=area_targets(truth, size).to(device),
            counts=1 - area_targets(torch.from_numpy(np.stack(ignored)), size).to(device),
            named=[o.named for o in members],
        )


def predicted_masks(
    network: TinyNetwork, features: dict[str, Tensor]
) -> Callable[[Sequence[Prompt]], list[npt.NDArray[np.bool_]]]:
    """Return what gives the mask of each prompt on one encoded view, in the view's pixels."""
    rows, cols = (
        size * stride
        for size, stride in zip(features["fine"].shape[-2:], STRIDES["fine"], strict=True)
    )

    def predict(prompts: Sequence[Prompt]) -> list[npt.NDArray[np.bool_]]:
        found: dict[int, npt.NDArray[np.bool_]] = {}
        with torch.no_grad():
            for batch in _batches(prompts, (rows, cols), features["fine"].device):
                encoded = network.encode_prompts(batch.points, batch.boxes, batch.masks)
                logits, _ = network.decode_masks(features, encoded)
                masks = (logits[:, 0] > 0).repeat_interleave(STRIDES["fine"][1], dim=-1)
                found |= dict(zip(batch.indices, masks.cpu().numpy(), strict=True))
        return [found[i] for i in range(len(prompts))]

    return predict


def _batches(
    prompts: Sequence[Prompt], shape: tuple[int, int], device: torch.device
) -> Iterator[PromptBatch]:
    rows, cols = shape
    frame = make_frame("octsam-tiny", shape, shape)
    return prompt_batches(prompts, frame, (rows // 2, cols // 4), device, _MOST)
