"""What the image encoder sees under a prompt, as tokens for the mask decoder.

Layers look alike but for their place, and a layer's box overlaps its neighbours. What tells them
apart lies along the sides of the box (which boundary touches it, anywhere) and under the points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

__all__ = ["PromptFeatures"]

_DEPTH = 4  # samples across a side of the box, half of them outside, one map pixel apart
_LENGTH = 64  # samples along it
_REACH = 4.0  # pixels of the input that the samples across reach out and in


class PromptFeatures(nn.Module):
    """Samples a map of half the input's resolution under boxes and points.

    Parameters
    ----------
    channels
        Channels of the map.
    dim
        Channels of a token.
    """

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.across = nn.ModuleList(
            nn.Conv2d(channels, dim, (_DEPTH, 3), padding=(0, 1)) for _ in range(4)
        )
        self.side = nn.ModuleList(nn.Linear(2 * dim, dim) for _ in range(4))
        self.inside = nn.Linear(channels, dim)
        self.on = nn.Linear(9 * channels, dim)
        self.off = nn.Linear(9 * channels, dim)

    def forward(
        self, features: Tensor, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None
    ) -> Tensor:
        """Return (N, tokens, dim): five tokens a box (its sides and its inside), one a point.

        Parameters
        ----------
        features
            (1, channels, H/2, W/2).
        points
            (N, P, 2) coordinates (x, y) in pixels of the input, and (N, P) labels.
        boxes
            (N, 4) x0, y0, x1, y1.
        """
        tokens = []
        if boxes is not None:
            tokens.append(self._box_tokens(features, boxes.float() + 0.5))
        if points is not None:
            tokens.append(self._point_tokens(features, points[0].float() + 0.5, points[1]))
        return torch.cat(tokens, dim=1)

    def _box_tokens(self, features: Tensor, boxes: Tensor) -> Tensor:
        x0, y0, x1, y1 = boxes.unbind(-1)
        x1, y1 = torch.maximum(x1, x0 + 1), torch.maximum(y1, y0 + 1)
        level = [
            _sample(features, torch.stack([x0, y - _REACH, x1, y + _REACH], -1), (_DEPTH, _LENGTH))
            for y in (y0, y1)
        ]
        upright = [
            _sample(features, torch.stack([x - _REACH, y0, x + _REACH, y1], -1), (_LENGTH, _DEPTH))
            for x in (x0, x1)
        ]
        strips = level + [strip.transpose(2, 3) for strip in upright]
        tokens = []
        for strip, across, side in zip(strips, self.across, self.side, strict=True):
            seen = F.relu(across(strip))[:, :, 0]
            tokens.append(side(torch.cat([seen.amax(-1), seen.mean(-1)], dim=1)))
        inside = _sample(features, torch.stack([x0, y0, x1, y1], -1), (8, 8)).mean(dim=(2, 3))
        return torch.stack([*tokens, self.inside(inside)], dim=1)

    def _point_tokens(self, features: Tensor, coordinates: Tensor, labels: Tensor) -> Tensor:
        n, count, _ = coordinates.shape
        flat = coordinates.reshape(-1, 2)
        around = torch.cat([flat - 3, flat + 3], dim=1)
        seen = _sample(features, around, (3, 3)).reshape(n, count, -1)
        return torch.where((labels == 1)[..., None], self.on(seen), self.off(seen))


def _sample(features: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Average (1, C, H/2, W/2) features in a grid of `size` over each of N boxes of the input."""
    sampled: Tensor = roi_align(
        features, [boxes], size, spatial_scale=0.5, sampling_ratio=1, aligned=True
    )
    return sampled
