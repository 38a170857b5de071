"""The end of SAM's mask decoder, place by place and only where the masks are needed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segment_anything.modeling import MaskDecoder
from torch import Tensor

__all__ = ["draw_masks"]


def draw_masks(
    decoder: MaskDecoder, mask_tokens: Tensor, image: Tensor, extent: tuple[int, int]
) -> Tensor:
    """Upscale the image and weigh its channels for each mask, as `MaskDecoder.predict_masks` does.

    Its transposed convolutions do not overlap, so each place of the image becomes 4 x 4 of the
    mask by itself: a matrix product without a change of layout, and without the padding.

    Parameters
    ----------
    mask_tokens
        (B, K, C): the transformer's output for the mask tokens.
    image
        (B, h, w, C): its output for the image.
    extent
        Rows and columns of the logits to return, from the upper left corner on.

    Returns
    -------
    (B, K, *extent) logits.
    """
    first, norm, gelu, second, _ = decoder.output_upscaling
    rows, cols = (-(-size // 4) for size in extent)
    places = image[:, :rows, :cols].flatten(1, 2)
    halves = _apart(places, first.weight, first.bias)
    halves = gelu(F.layer_norm(halves, halves.shape[-1:], norm.weight, norm.bias, norm.eps))
    quarters = gelu(_apart(halves, second.weight, second.bias))
    networks = decoder.output_hypernetworks_mlps
    weights = torch.stack([net(mask_tokens[:, i]) for i, net in enumerate(networks)], dim=1)
    logits = weights @ quarters.mT
    # each axis is (place, half, quarter): rows and columns come in turns
    logits = logits.view(*logits.shape[:2], rows, cols, 2, 2, 2, 2).permute(0, 1, 2, 4, 6, 3, 5, 7)
    logits = logits.reshape(*logits.shape[:2], 4 * rows, 4 * cols)
    wanted: Tensor = logits[..., : extent[0], : extent[1]]
    return wanted


def _apart(places: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a 2 x 2 transposed convolution of stride 2: (B, P, C) to (B, 4 P, C')."""
    by_part = weight.permute(2, 3, 1, 0).flatten(0, 2)
    return F.linear(places, by_part, bias.repeat(4)).view(len(places), -1, len(bias))
