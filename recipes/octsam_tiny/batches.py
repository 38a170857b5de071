"""Where a random view lies in the network, and the masks that the network finds in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import make_frame
from napari_octsam.models.prompt_batches import PromptBatch
from napari_octsam.training.batches import Placement, decode_in_batches
from recipes.octsam_tiny.learners import Promptable

__all__ = ["decode_view", "placement_of_view", "predicted_masks"]

_MOST = 16  # prompts decoded at once: gradients want few batches


def placement_of_view(shape: tuple[int, int], network: Promptable) -> Placement:
    """Return where a view of `shape` (rows, cols) lies.

    It is the network's whole input, which may have fewer columns than usual.
    """
    rows, cols = network.input_size
    mask_size, mask_input_size = (
        (size[0] * shape[0] // rows, size[1] * shape[1] // cols)
        for size in (network.mask_size, network.mask_input_size)
    )
    frame = make_frame("octsam-tiny", shape, shape)
    return Placement(frame, mask_size, mask_size, mask_input_size)


def decode_view(
    network: Promptable,
    image: Any,
    prompts: Sequence[Prompt],
    placement: Placement,
    device: torch.device,
) -> tuple[list[int], tuple[Tensor, ...]]:
    """Decode prompts on one prepared view.

    Returns
    -------
    See `decode_in_batches`; the outputs are logits, predicted IoU and mask tokens.
    """

    def decode(batch: PromptBatch) -> tuple[Tensor, ...]:
        encoded = network.encode_prompts(batch.points, batch.boxes, batch.masks)
        return network.decode_with_tokens(image, encoded)

    return decode_in_batches(prompts, placement, decode, device, _MOST)


def predicted_masks(
    network: Promptable, image: Any, placement: Placement, device: torch.device
) -> Callable[[Sequence[Prompt]], list[Mask]]:
    """Return what gives the (H, W) mask of each prompt on one prepared view."""

    def predict(prompts: Sequence[Prompt]) -> list[Mask]:
        with torch.no_grad():
            order, (logits, *_) = decode_view(network, image, prompts, placement, device)
            shape = placement.frame.shape
            masks = F.interpolate(logits[:, :1], shape, mode="bilinear")[:, 0] > 0
        found = dict(zip(order, masks.cpu().numpy(), strict=True))
        return [found[i] for i in range(len(prompts))]

    return predict
