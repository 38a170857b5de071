"""Where a random view lies in the network, and the masks that the network finds in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import make_frame
from napari_octsam.models.named_classes import UNKNOWN, class_index
from napari_octsam.training.batches import Placement, decode_in_batches
from napari_octsam.training.prompts.simulation import SimulatedObject
from recipes.octsam_tiny.learners import Promptable

__all__ = ["classes_of", "decode_view", "placement_of_view", "predicted_masks"]

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
    classes: Sequence[int],
) -> tuple[list[int], tuple[Tensor, ...]]:
    """Decode prompts on one prepared view.

    Parameters
    ----------
    classes
        Of each prompt, as `classes_of` gives them.

    Returns
    -------
    See `decode_in_batches`; the outputs are logits, predicted IoU and mask tokens.
    """
    decode = partial(network.decode_with_tokens, image)
    return decode_in_batches(network, decode, prompts, placement, device, _MOST, classes)


def classes_of(objects: Sequence[SimulatedObject], network: Promptable) -> list[int]:
    """Return the index of the class that each prompt names, or `UNKNOWN`."""
    known = network.known_schemas
    return [
        UNKNOWN
        if each.named is None or not each.prompt.names_class
        else class_index(known, bundled_schema(each.named[0]), each.named[1])
        for each in objects
    ]


def predicted_masks(
    network: Promptable,
    image: Any,
    placement: Placement,
    device: torch.device,
    classes: Sequence[int],
) -> Callable[[Sequence[Prompt]], list[Mask]]:
    """Return what gives the (H, W) mask of each prompt on one prepared view."""

    def predict(prompts: Sequence[Prompt]) -> list[Mask]:
        with torch.no_grad():
            order, (logits, *_) = decode_view(network, image, prompts, placement, device, classes)
            shape = placement.frame.shape
            masks = F.interpolate(logits[:, :1], shape, mode="bilinear")[:, 0] > 0
        found = dict(zip(order, masks.cpu().numpy(), strict=True))
        return [found[i] for i in range(len(prompts))]

    return predict
