"""Objects of one B-scan as tensors: what a network takes, and what its masks are compared with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import Frame, make_frame
from napari_octsam.models.network import Network, PromptEmbedding
from napari_octsam.models.prompt_batches import prompt_batches
from napari_octsam.training.losses.objects import Truth
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["Decode", "Placement", "decode_in_batches", "placement_of"]

Decode = Callable[[PromptEmbedding], tuple[Tensor, ...]]
"""Decodes N encoded prompts on one image; each of what it returns is (N, ...)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a B-scan lies in what a network takes and gives.

    Parameters
    ----------
    frame
        In the network's input.
    mask_size
        Rows and columns of the logits.
    extent
        Rows and columns of the logits, from the upper left corner on, that the B-scan fills.
    mask_input_size
        Rows and columns of a mask prompt.
    """

    frame: Frame
    mask_size: tuple[int, int]
    extent: tuple[int, int]
    mask_input_size: tuple[int, int]

    def truth(self, objects: Sequence[SimulatedObject], device: torch.device) -> Truth:
        """Return the masks of N objects, at least one, in the cells of the extent."""
        target = self._coverage([each.mask for each in objects])
        counts = np.ones_like(target)
        for count, each in zip(counts, objects, strict=True):
            if each.ignored is not None:
                count -= self._coverage([each.ignored])[0]
        return Truth(*(torch.from_numpy(part).to(device) for part in (target, counts)))

    def _coverage(self, masks: Sequence[Mask]) -> npt.NDArray[np.float32]:
        rows, cols = self.extent
        return np.stack([self.frame.coverage(m, self.mask_size)[:rows, :cols] for m in masks])


def placement_of(profile: str, shape: tuple[int, int], network: Network) -> Placement:
    """Return where a B-scan of `shape` (rows, cols) lies under a preprocessing profile."""
    frame = make_frame(profile, shape, network.input_size)
    size = network.mask_size
    return Placement(frame, size, frame.mask_grid(size).extent, network.mask_input_size)


def decode_in_batches(
    network: Network,
    decode: Decode,
    prompts: Sequence[Prompt],
    placement: Placement,
    device: torch.device,
    most: int,
    classes: Sequence[int],
) -> tuple[list[int], tuple[Tensor, ...]]:
    """Encode and decode prompts that may have different parts.

    Parameters
    ----------
    most
        Prompts of a batch.
    classes
        Of each prompt, from `models.named_classes`.

    Returns
    -------
    order
        Positions of the prompts as they were decoded, those of the same parts together.
    outputs
        What `decode` returns, of all prompts in this order.
    """
    size = placement.mask_input_size
    batches = list(prompt_batches(prompts, placement.frame, size, device, most, classes))
    encoded = (
        network.encode_prompts(each.points, each.boxes, each.masks, each.classes)
        for each in batches
    )
    outputs = zip(*map(decode, encoded), strict=True)
    order = [i for batch in batches for i in batch.indices]
    return order, tuple(torch.cat(parts) for parts in outputs)
