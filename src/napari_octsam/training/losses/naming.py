"""The loss of naming the class of each pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.core.classes import ANOTHER_CLASS, NOT_LABELLED

__all__ = ["pixel_loss"]


def pixel_loss(logits: Tensor, truth: Tensor, balance: float = 0.0) -> Tensor:
    """Return cross entropies and Dice loss of (K, h, w) logits, over the labelled places.

    The Dice loss is a mean over the classes that are shown: thin ones count as thick ones.

    Parameters
    ----------
    truth
        (h, w) int64, places of the classes; `NOT_LABELLED` where nobody labelled, but not
        everywhere; `ANOTHER_CLASS` where it is any of those classes that are shown nowhere, which
        then are one together.
    balance
        Weight of a cross entropy in which each class that is shown counts alike. Without it a
        class of few pixels may never be named: all else is gained by not naming it.
    """
    logits, truth = _together(logits, truth)
    counted = truth != NOT_LABELLED
    one_hot = F.one_hot(truth.clamp(max=len(logits) - 1), len(logits)).movedim(-1, 0)
    one_hot = one_hot * counted
    probability = logits.softmax(0) * counted
    overlap = (probability * one_hot).sum(dim=(1, 2))
    area = one_hot.sum(dim=(1, 2))
    dice = 1 - (2 * overlap + 1) / (area + probability.sum(dim=(1, 2)) + 1)
    shown = (area > 0).to(dice.dtype)
    by_class = dice
    if balance:
        surprise = -(logits.log_softmax(0) * one_hot).sum(dim=(1, 2))
        by_class = dice + balance * surprise / area.clamp(min=1)
    cross_entropy = F.cross_entropy(logits[None], truth[None], ignore_index=NOT_LABELLED)
    return cross_entropy + (by_class * shown).sum() / shown.sum().clamp(min=1)


def _together(logits: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return both with the classes of `ANOTHER_CLASS` as one, the last of them."""
    if not (truth == ANOTHER_CLASS).any():
        return logits, truth
    shown = [place for place in truth.unique().tolist() if place < len(logits)]
    others = [place for place in range(len(logits)) if place not in shown]
    place_of = truth.new_full((NOT_LABELLED + 1,), NOT_LABELLED)
    place_of[shown] = torch.arange(len(shown), device=truth.device)
    if others:
        place_of[ANOTHER_CLASS] = len(shown)
        logits = torch.cat([logits[shown], logits[others].logsumexp(0, keepdim=True)])
    return logits, place_of[truth]
