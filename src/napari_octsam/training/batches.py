"""Objects of one view as the tensors that a network takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_octsam.models.frames import make_frame
from napari_octsam.models.prompt_batches import PromptBatch, prompt_batches
from napari_octsam.training.losses import area_targets
from napari_octsam.training.simulation import SimulatedObject

__all__ = ["ObjectBatch", "object_batches"]


class ObjectBatch(NamedTuple):
    """N objects of one view whose prompts have the same parts.

    `target` and `counts` are (N, h, w), of the size of the logits: see `mask_losses`.
    """

    prompts: PromptBatch
    target: Tensor
    counts: Tensor
    named: list[tuple[str, int] | None]


def object_batches(
    objects: Sequence[SimulatedObject],
    mask_size: tuple[int, int],
    mask_input_size: tuple[int, int],
    device: torch.device,
) -> Iterator[ObjectBatch]:
    """Batch objects whose masks and prompts are in the frame of the network's input."""
    if not objects:
        return
    rows, cols = objects[0].mask.shape
    frame = make_frame("octsam-tiny", (rows, cols), (rows, cols))
    for batch in prompt_batches([o.prompt for o in objects], frame, mask_input_size, device):
        members = [objects[i] for i in batch.indices]
        truth = torch.from_numpy(np.stack([o.mask for o in members]))
        ignored = [np.zeros_like(o.mask) if o.ignored is None else o.ignored for o in members]
        yield ObjectBatch(
            prompts=batch,
            target=area_targets(truth, mask_size).to(device),
            counts=1 - area_targets(torch.from_numpy(np.stack(ignored)), mask_size).to(device),
            named=[o.named for o in members],
        )
