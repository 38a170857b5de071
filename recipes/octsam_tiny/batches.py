"""Objects of one view as the tensors that a network takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import make_frame
from napari_octsam.models.prompt_batches import PromptBatch, prompt_batches
from napari_octsam.training.losses.masks import area_targets
from napari_octsam.training.prompts.simulation import SimulatedObject
from recipes.octsam_tiny.learners import Promptable

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
    objects: Sequence[SimulatedObject], network: Promptable, device: torch.device
) -> Iterator[ObjectBatch]:
    """Batch objects whose masks and prompts are in the frame of the network's input.

    Their view may have fewer columns than the input.
    """
    if not objects:
        return
    shape = objects[0].mask.shape
    size = _scaled(network.mask_size, shape, network.input_size)
    for batch in _batches([o.prompt for o in objects], shape, network, device):
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
    network: Promptable, image: Any, shape: tuple[int, int], device: torch.device
) -> Callable[[Sequence[Prompt]], list[npt.NDArray[np.bool_]]]:
    """Return what gives the mask of each prompt on one prepared view of `shape`, in its pixels."""

    def predict(prompts: Sequence[Prompt]) -> list[npt.NDArray[np.bool_]]:
        found: dict[int, npt.NDArray[np.bool_]] = {}
        with torch.no_grad():
            for batch in _batches(prompts, shape, network, device):
                encoded = network.encode_prompts(batch.points, batch.boxes, batch.masks)
                logits = network.decode_with_tokens(image, encoded)[0][:, :1]
                masks = F.interpolate(logits, shape, mode="bilinear")[:, 0] > 0
                found |= dict(zip(batch.indices, masks.cpu().numpy(), strict=True))
        return [found[i] for i in range(len(prompts))]

    return predict


def _batches(
    prompts: Sequence[Prompt], shape: tuple[int, int], network: Promptable, device: torch.device
) -> Iterator[PromptBatch]:
    frame = make_frame("octsam-tiny", shape, shape)
    mask_size = _scaled(network.mask_input_size, shape, network.input_size)
    return prompt_batches(prompts, frame, mask_size, device, _MOST)


def _scaled(
    size: tuple[int, int], shape: tuple[int, int], input_size: tuple[int, int]
) -> tuple[int, int]:
    """Return the size of a map of a view of `shape`, if it is `size` for the whole input."""
    return size[0] * shape[0] // input_size[0], size[1] * shape[1] // input_size[1]
