"""The losses of the objects that a promptable network was asked for, each a mean over them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.training.losses.segmentation import (
    SegmentationLoss,
    cross_entropy,
    dice_loss,
)

__all__ = ["Truth", "mask_loss", "object_losses"]


class Truth(NamedTuple):
    """The true masks of N objects in the cells of a network's logits.

    Parameters
    ----------
    target
        (N, h, w) float32, 0 to 1: the share of each cell that the object covers.
    counts
        (N, h, w) float32, 0 to 1: the share of each cell that somebody labelled.
    """

    target: Tensor
    counts: Tensor


def object_losses(
    logits: Tensor,
    scores: Tensor,
    truth: Truth,
    segmentation: SegmentationLoss,
    *,
    candidates: bool = True,
) -> dict[str, Tensor]:
    """Compare the four masks of N objects with the truth.

    Parameters
    ----------
    logits
        (N, 4, h, w).
    scores
        (N, 4) predicted IoU.
    segmentation
        Of mask 0.
    candidates
        Whether masks 1 to 3 and the predicted IoU are learnt too.

    Returns
    -------
    "segmentation" of mask 0; "candidates", of the best of masks 1 to 3 (Kirillov et al. 2023,
    arXiv:2304.02643, section 3); "iou", the squared error of the predicted IoU.
    """
    target, counts = (part[:, None] for part in truth)
    losses = {"segmentation": segmentation(logits[:, :1], target, counts).mean()}
    if candidates:
        losses["candidates"] = _best_of(mask_loss(logits[:, 1:], target, counts)).mean()
        losses["iou"] = F.mse_loss(scores, _actual_iou(logits, target, counts))
    return losses


def mask_loss(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Return the loss of each mask, (N, K), that lets thin layers count; a `SegmentationLoss`."""
    return 10 * cross_entropy(logits, target, counts) + dice_loss(logits, target, counts, smooth=1)


@torch.no_grad()
def _actual_iou(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    found = (logits > 0) & (counts > 0.5)
    true = (target > 0.5) & (counts > 0.5)
    union = (found | true).flatten(2).sum(-1).clamp(min=1)
    return (found & true).flatten(2).sum(-1) / union


def _best_of(each: Tensor) -> Tensor:
    """Return the least of each row, and a little of the mean, so that no candidate is given up."""
    return 0.9 * each.min(dim=1).values + 0.1 * each.mean(dim=1)
