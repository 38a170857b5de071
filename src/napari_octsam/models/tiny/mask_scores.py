"""How good a mask is, judged by its token and by the mask itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.models.tiny.encoder import STRIDES
from napari_octsam.models.tiny.prompt_maps import on_map

__all__ = ["MASK_FACTS", "MaskScores", "mask_facts"]

MASK_FACTS = 4
_SKIP = 2  # every second row and column of a mask is looked at


class MaskScores(nn.Module):
    """Predicts the IoU of masks; what it looks at of a mask gets no gradient.

    Parameters
    ----------
    channels
        Of a mask's token and its `MASK_FACTS` together.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        last = nn.Linear(64, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(nn.Linear(channels, 64), nn.ReLU(), last)

    def forward(self, tokens: Tensor, logits: Tensor, boxes: Tensor | None) -> Tensor:
        """Take (N, K, dim) tokens and (N, K, rows, cols) logits; return (N, K), 0 to 1.

        What the network adds to the expected IoU is in its logit, so that it begins there.
        """
        facts = mask_facts(logits.detach(), boxes)
        change = self.network(torch.cat([tokens.detach(), facts], dim=-1))[..., 0]
        score: Tensor = torch.sigmoid(torch.logit(facts[..., 0], eps=1e-3) + change)
        return score


def mask_facts(logits: Tensor, boxes: Tensor | None) -> Tensor:
    """Return what a mask says about its own quality, (N, K, MASK_FACTS).

    The expected IoU, if the probabilities were right and pixels independent: expected overlap over
    expected union; the mean uncertainty; the logarithm of the area; the share outside the box.
    """
    seen = logits[..., ::_SKIP, ::_SKIP]
    probability = seen.sigmoid()
    found = (seen > 0).to(probability.dtype)
    area = found.flatten(2).sum(-1)
    mass = probability.flatten(2).sum(-1)
    overlap = (probability * found).flatten(2).sum(-1)
    expected = overlap / (area + mass - overlap).clamp(min=1e-3)
    unsure = (probability * (1 - probability)).flatten(2).sum(-1) / mass.clamp(min=1e-3)
    size = torch.log1p(area) / 10
    return torch.stack([expected, unsure, size, _outside(probability, mass, boxes)], dim=-1)


def _outside(probability: Tensor, mass: Tensor, boxes: Tensor | None) -> Tensor:
    """Return which share of (N, K, rows, cols) lies outside the box: (N, K); 0 without one."""
    if boxes is None:
        return torch.zeros_like(mass)
    x0, y0, x1, y1 = boxes.float().unbind(-1)
    rows = _inside(y0, y1, probability.shape[-2], STRIDES["fine"][0])
    cols = _inside(x0, x1, probability.shape[-1], STRIDES["fine"][1])
    within = ((probability @ cols[:, None, :, None])[..., 0] * rows[:, None]).sum(-1)
    return 1 - within / mass.clamp(min=1e-3)


def _inside(low: Tensor, high: Tensor, count: int, stride: int) -> Tensor:
    """Return whether places that were looked at lie in a box, its outermost pixels included."""
    places = torch.arange(count, device=low.device, dtype=torch.float32) * _SKIP
    reach = torch.minimum(
        places - on_map(low, stride)[:, None], on_map(high, stride)[:, None] - places
    )
    return F.hardtanh(reach + 1, 0.0, 1.0)
