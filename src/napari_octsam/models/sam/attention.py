"""SAM's attention with relative positions, computed in pieces that stay in the cache."""

from __future__ import annotations

import torch
from segment_anything.modeling.image_encoder import Attention, get_rel_pos
from torch import nn

__all__ = ["ChunkedAttention"]

_CHUNK = 8 * 2**20
"""Most attention weights to hold at once: 32 MB in float32."""


class ChunkedAttention(nn.Module):
    """Drop-in for segment_anything's `Attention`: same parameters, keys and result, less memory.

    The original writes all weights of a global block, 12 x 4096 x 4096 for vit_b, to memory
    several times over; on a CPU that takes longer than the arithmetic. Here a few rows of
    queries are attended at a time.

    Parameters
    ----------
    source
        The module to replace; its parameters are taken over, not copied.
    """

    def __init__(self, source: Attention) -> None:
        super().__init__()
        self.num_heads: int = source.num_heads
        self.scale: float = source.scale
        self.qkv = source.qkv
        self.proj = source.proj
        self.rel_pos_h = source.rel_pos_h
        self.rel_pos_w = source.rel_pos_w

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend over (B, H, W, C) tokens; returns the same shape."""
        batch, height, width, _ = x.shape
        qkv = self.qkv(x).reshape(batch, height * width, 3, self.num_heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).contiguous().flatten(1, 2)
        bias_h, bias_w = self._position_biases(query, (height, width))
        rows = max(1, _CHUNK // (len(query) * width * height * width))
        pieces = []
        for top in range(0, height, rows):
            # (B * heads, rows, W, H, W): a query's bias for a key is that of its row + its column
            bias = bias_h[:, top : top + rows, :, :, None] + bias_w[:, top : top + rows, :, None, :]
            part = query[:, top * width : (top + rows) * width] * self.scale
            weights = bias.flatten(3).flatten(1, 2).add_(part @ key.transpose(1, 2))
            pieces.append(weights.softmax(dim=-1) @ value)
        heads = torch.cat(pieces, dim=1).view(batch, self.num_heads, height * width, -1)
        merged: torch.Tensor = self.proj(heads.transpose(1, 2).reshape(batch, height, width, -1))
        return merged

    def _position_biases(
        self, query: torch.Tensor, size: tuple[int, int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the biases to the keys' rows and columns: (B * heads, H, W, H) and (.., W)."""
        height, width = size
        grid = query.view(len(query), height, width, -1)
        rows = get_rel_pos(height, height, self.rel_pos_h)  # (H, H, c)
        cols = get_rel_pos(width, width, self.rel_pos_w)  # (W, W, c)
        bias_h = grid @ rows.transpose(1, 2)
        bias_w = (grid.transpose(1, 2) @ cols.transpose(1, 2)).transpose(1, 2).contiguous()
        return bias_h, bias_w
