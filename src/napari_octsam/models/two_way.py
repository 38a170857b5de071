"""SAM's two-way transformer with the image's projections folded into the prompt's few tokens."""

from __future__ import annotations

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor, nn

__all__ = ["FoldedTwoWayTransformer", "by_place"]


class FoldedTwoWayTransformer(nn.Module):
    """Drop-in for segment_anything's `TwoWayTransformer`: same parameters, keys and result.

    The original projects all 4096 places of the image before each attention. A prompt has a
    handful of tokens, and matrix products may be bracketed as one likes: q (W x)' = (q W) x'. So
    the weights are multiplied into the tokens instead, which halves the arithmetic and spares
    the large arrays in between. What remains are passes over the image, so that its layout
    counts: place after place, each with all of its channels.

    Parameters
    ----------
    source
        The module to replace; its parameters are taken over, not copied.
    """

    def __init__(self, source: TwoWayTransformer) -> None:
        super().__init__()
        self.layers = source.layers
        self.final_attn_token_to_image = source.final_attn_token_to_image
        self.norm_final_attn = source.norm_final_attn

    def forward(
        self, image_embedding: Tensor, image_pe: Tensor, point_embedding: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Take (B, C, h, w) twice and (B, T, C); return (B, T, C) tokens and (B, h w, C) image.

        `image_pe` is quickest as `by_place` leaves it.
        """
        image = image_embedding.flatten(2).mT.contiguous()
        places = image_pe.flatten(2).mT
        tokens = point_embedding
        placed = image + places
        for layer in self.layers:
            tokens = _attend_tokens(layer, tokens, point_embedding)
            seen = _read_image(
                layer.cross_attn_token_to_image, tokens + point_embedding, placed, image
            )
            tokens = layer.norm2(tokens + seen)
            tokens = layer.norm3(tokens + layer.mlp(tokens))
            told = _write_image(
                layer.cross_attn_image_to_token, placed, image, tokens + point_embedding, tokens
            )
            image = layer.norm4(told)
            placed = image + places
        seen = _read_image(self.final_attn_token_to_image, tokens + point_embedding, placed, image)
        return self.norm_final_attn(tokens + seen), image


def by_place(maps: Tensor) -> Tensor:
    """Lay maps (N, C, h, w) out place after place, as the transformer leaves the image.

    A sum of maps in two layouts is slow.
    """
    return maps.contiguous(memory_format=torch.channels_last)


def _attend_tokens(layer: TwoWayAttentionBlock, tokens: Tensor, encoding: Tensor) -> Tensor:
    if layer.skip_first_layer_pe:
        attended = layer.self_attn(q=tokens, k=tokens, v=tokens)
    else:
        placed = tokens + encoding
        attended = tokens + layer.self_attn(q=placed, k=placed, v=tokens)
    normed: Tensor = layer.norm1(attended)
    return normed


def _read_image(attention: Attention, query: Tensor, placed: Tensor, image: Tensor) -> Tensor:
    """Let (B, T, C) queries attend to the (B, N, C) image; its keys are `placed`.

    The bias of the keys adds the same to all logits of a query, which softmax takes back.
    """
    projected = _by_head(attention, attention.q_proj(query))
    folded = torch.einsum("bthc,hcd->bhtd", projected, _weight_by_head(attention, attention.k_proj))
    scale = projected.shape[-1] ** -0.5
    weights = (folded.flatten(1, 2) * scale @ placed.mT).softmax(dim=-1)
    mixed = (weights @ image).view(folded.shape)
    value = torch.einsum("bhtd,hcd->bthc", mixed, _weight_by_head(attention, attention.v_proj))
    attended: Tensor = attention.out_proj(value.flatten(2) + attention.v_proj.bias)
    return attended


def _write_image(
    attention: Attention, placed: Tensor, image: Tensor, key: Tensor, value: Tensor
) -> Tensor:
    """Let the (B, N, C) image attend to (B, T, C) keys and values; add what it gets to it.

    The weights of a head add up to 1, so the output's bias may go into the values, a part to each.
    """
    keys = _by_head(attention, attention.k_proj(key))
    keys = keys * keys.shape[-1] ** -0.5
    folded = torch.einsum("bthc,hcd->bhtd", keys, _weight_by_head(attention, attention.q_proj))
    bias = torch.einsum("bthc,hc->bht", keys, attention.q_proj.bias.view(keys.shape[2:]))
    logits = torch.baddbmm(bias.flatten(1)[..., None], folded.flatten(1, 2), placed.mT)
    weights = logits.view(*bias.shape, -1).softmax(dim=2).flatten(1, 2)
    values = _by_head(attention, attention.v_proj(value))
    out = attention.out_proj.weight.view(-1, *values.shape[2:])
    spread = torch.einsum("bthc,dhc->bhtd", values, out)
    spread = spread + attention.out_proj.bias / attention.num_heads
    return torch.baddbmm(image, weights.mT, spread.flatten(1, 2))


def _by_head(attention: Attention, x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], attention.num_heads, -1)


def _weight_by_head(attention: Attention, projection: nn.Linear) -> Tensor:
    return projection.weight.view(attention.num_heads, -1, projection.in_features)
