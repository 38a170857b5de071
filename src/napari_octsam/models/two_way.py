"""SAM's two-way transformer with the image's projections folded into the prompt's few tokens."""

from __future__ import annotations

import torch
from segment_anything.modeling import TwoWayTransformer
from segment_anything.modeling.transformer import Attention, TwoWayAttentionBlock
from torch import Tensor, nn

__all__ = ["FoldedTwoWayTransformer"]


class FoldedTwoWayTransformer(nn.Module):
    """Drop-in for segment_anything's `TwoWayTransformer`: same parameters, keys and result.

    The original projects all 4096 places of the image before each attention. A prompt has a
    handful of tokens, and matrix products may be bracketed as one likes: q (W x)' = (q W) x'. So
    the weights are multiplied into the tokens instead, which halves the arithmetic and spares
    the large arrays in between.

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
        """Take (B, C, h, w) twice and (B, T, C); return (B, T, C) tokens and (B, h w, C) image."""
        image = image_embedding.flatten(2).transpose(1, 2)
        places = image_pe.flatten(2).transpose(1, 2)
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
                layer.cross_attn_image_to_token, placed, tokens + point_embedding, tokens
            )
            image = layer.norm4(image + told)
            placed = image + places
        seen = _read_image(self.final_attn_token_to_image, tokens + point_embedding, placed, image)
        return self.norm_final_attn(tokens + seen), image


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
    weights = (folded.flatten(1, 2) * scale @ placed.transpose(1, 2)).softmax(dim=-1)
    mixed = (weights @ image).view(folded.shape)
    value = torch.einsum("bhtd,hcd->bthc", mixed, _weight_by_head(attention, attention.v_proj))
    attended: Tensor = attention.out_proj(value.flatten(2) + attention.v_proj.bias)
    return attended


def _write_image(attention: Attention, placed: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Let the (B, N, C) image attend to (B, T, C) keys and values."""
    keys = _by_head(attention, attention.k_proj(key))
    scale = keys.shape[-1] ** -0.5
    folded = torch.einsum("bthc,hcd->bhtd", keys, _weight_by_head(attention, attention.q_proj))
    bias = torch.einsum("bthc,hc->bht", keys, attention.q_proj.bias.view(keys.shape[2:]))
    logits = placed @ (folded.flatten(1, 2) * scale).transpose(1, 2)
    logits = logits + (bias * scale).flatten(1)[:, None]
    weights = logits.view(*logits.shape[:2], *bias.shape[1:]).softmax(dim=-1).flatten(2)
    values = _by_head(attention, attention.v_proj(value))
    out = attention.out_proj.weight.view(-1, *values.shape[2:])
    spread = torch.einsum("bthc,dhc->bhtd", values, out).flatten(1, 2)
    attended: Tensor = weights @ spread + attention.out_proj.bias
    return attended


def _by_head(attention: Attention, x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], attention.num_heads, -1)


def _weight_by_head(attention: Attention, projection: nn.Linear) -> Tensor:
    return projection.weight.view(attention.num_heads, -1, projection.in_features)
