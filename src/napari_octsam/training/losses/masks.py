"""Segmentation losses on the masks and predicted IoU of a promptable network."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["MaskLosses", "area_targets", "mask_losses", "unlabelled_as_background"]

_SURELY_NOT = -20.0  # a logit that costs nothing where the target is 0


class MaskLosses(NamedTuple):
    """Losses of N objects, each a mean over them."""

    single: Tensor
    """Of mask 0."""
    candidates: Tensor
    """Of the best of masks 1 to 3 (Kirillov et al. 2023, arXiv:2304.02643, section 3)."""
    iou: Tensor
    """Squared error of the predicted IoU."""


def area_targets(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale (N, H, W) masks to `size` (rows, cols): the share of each pixel that is covered."""
    return F.adaptive_avg_pool2d(masks.float()[:, None], size)[:, 0]


def unlabelled_as_background(
    logits: Tensor, target: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor]:
    """Make what nobody labelled background in logits and target, each (N, h, w).

    For losses that cannot leave pixels out: there they have no gradient.

    Parameters
    ----------
    counts
        (N, h, w), the share of each pixel that somebody labelled.
    """
    ignored = counts < 0.5
    return logits.masked_fill(ignored, _SURELY_NOT), target.masked_fill(ignored, 0)


def mask_losses(logits: Tensor, iou: Tensor, target: Tensor, counts: Tensor) -> MaskLosses:
    """Compare the four masks of N objects with the truth.

    Parameters
    ----------
    logits
        (N, 4, h, w).
    iou
        (N, 4) predicted IoU.
    target
        (N, h, w) in 0..1, from `area_targets`.
    counts
        (N, h, w), 1 where a pixel counts, 0 where nobody labelled it.
    """
    target = target[:, None]
    counts = counts[:, None]
    cross_entropy = F.binary_cross_entropy_with_logits(
        logits, target.expand_as(logits), reduction="none"
    )
    cross_entropy = (cross_entropy * counts).flatten(2).mean(-1)
    probability = logits.sigmoid() * counts
    overlap = (probability * target).flatten(2).sum(-1)
    total = probability.flatten(2).sum(-1) + (target * counts).flatten(2).sum(-1)
    dice = 1 - (2 * overlap + 1) / (total + 1)
    each = 10 * cross_entropy + dice
    with torch.no_grad():
        found = (logits > 0) & (counts > 0.5)
        true = (target > 0.5) & (counts > 0.5)
        union = (found | true).flatten(2).sum(-1).clamp(min=1)
        actual = (found & true).flatten(2).sum(-1) / union
    return MaskLosses(
        single=each[:, 0].mean(),
        candidates=_best_of(each[:, 1:]).mean(),
        iou=F.mse_loss(iou, actual),
    )


def _best_of(each: Tensor) -> Tensor:
    """Return the least of each row, and a little of the mean, so that no candidate is given up."""
    return 0.9 * each.min(dim=1).values + 0.1 * each.mean(dim=1)
