"""Cross entropy, Dice and focal loss of single masks, and their sums by name.

The values are those of MONAI's `DiceLoss`, `DiceCELoss`, `FocalLoss` and `DiceFocalLoss` with a
sigmoid where every pixel counts.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["SegmentationLoss", "cross_entropy", "dice_loss", "focal_loss", "segmentation_loss"]

SegmentationLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes (N, K, h, w) logits, and an (N, 1, h, w) target and weight of the pixels, both 0 to 1;
returns the loss of each mask, (N, K)."""


def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the binary cross entropy of each mask, a mean over all pixels; see the type."""
    return _cross_entropy(logits, target, weight).flatten(2).mean(-1)


def dice_loss(logits: Tensor, target: Tensor, weight: Tensor, smooth: float = 1e-5) -> Tensor:
    """Return 1 - Dice of each mask's probabilities, after Milletari et al., arXiv:1606.04797.

    Parameters
    ----------
    smooth
        Pixels that are added to overlap and area, so that an empty mask has a loss too.
    """
    probability = logits.sigmoid() * weight
    overlap = (probability * target).flatten(2).sum(-1)
    area = probability.flatten(2).sum(-1) + (target * weight).flatten(2).sum(-1)
    return 1 - (2 * overlap + smooth) / (area + smooth)


def focal_loss(logits: Tensor, target: Tensor, weight: Tensor, gamma: float = 2.0) -> Tensor:
    """Return the focal loss of each mask, Lin et al., arXiv:1708.02002: what is sure counts less.

    Parameters
    ----------
    gamma
        The power of the probability of what is wrong.
    """
    wrong = (gamma * F.logsigmoid(-logits * (2 * target - 1))).exp()
    return (wrong * _cross_entropy(logits, target, weight)).flatten(2).mean(-1)


def segmentation_loss(name: str) -> SegmentationLoss:
    """Return a loss by its name in the settings: "dice_ce", "dice", "focal" or "dice_focal".

    A pixel that somebody labelled by half counts whole, others do not count.
    """
    parts: tuple[SegmentationLoss, ...] = {
        "dice_ce": (dice_loss, cross_entropy),
        "dice": (dice_loss,),
        "focal": (focal_loss,),
        "dice_focal": (dice_loss, focal_loss),
    }[name]

    def loss(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        counts = (weight >= 0.5).to(logits.dtype)
        return torch.stack([part(logits, target, counts) for part in parts]).sum(0)

    return loss


def _cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(
        logits, target.expand_as(logits), weight, reduction="none"
    )
