"""Losses of naming classes: of pixels by octsam-tiny's own heads, of objects by heads thrown away.

Masks alone teach slowly which layer a prompt means. Naming the class of every pixel teaches the
encoder the layers from few B-scans; naming the class of the object asked for teaches the decoder
to read prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.models.tiny.encoder import STRIDES
from napari_octsam.models.tiny.pixel_names import NAMED, PixelNames
from napari_octsam.training.losses.naming import pixel_loss
from recipes.octsam_tiny.augment import View
from recipes.octsam_tiny.lesions import CLASS_OF, LESIONS

__all__ = ["ObjectNames", "naming_loss"]

_LESION_CLASSES = [int(finding) for finding in CLASS_OF.values() if finding is not None]
_SKIPPED = 2  # every second column of the finest map is named: neighbours say the same


class ObjectNames(nn.Module):
    """Linear heads that name the object asked for, one for each schema.

    Parameters
    ----------
    channels
        Channels of a mask token.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {name: nn.Linear(channels, count) for name, count in NAMED.items()}
        )

    def loss(self, tokens: Tensor, named: Sequence[tuple[str, int]]) -> Tensor:
        """Return the mean cross entropy of (N, C) tokens of objects with these schemas and values.

        N is at least 1.
        """
        losses = [
            F.cross_entropy(
                self.heads[schema](token[None]), torch.tensor([value], device=token.device)
            )
            for token, (schema, value) in zip(tokens, named, strict=True)
        ]
        return torch.stack(losses).mean()


def naming_loss(
    names: PixelNames,
    finest: Tensor,
    views: Sequence[View],
    balance: float = 0.0,
    absent: float = 0.0,
) -> Tensor:
    """Return the loss of naming the pixels of (B, C, H, W/2) maps.

    It is added up over schemas, and a mean over the views, each by itself: what a view adds does
    not depend on those beside it.

    Parameters
    ----------
    balance
        See `pixel_loss`.
    absent
        Weight, beside the drawn lesions, of all else on a B-scan with lesions.
    """
    finest = finest[..., ::_SKIPPED]
    losses = []
    for maps, view in zip(torch.split(finest, 1), views, strict=True):
        for schema, truth in _named_places(view):
            truth = truth.to(maps.device)
            if LESIONS in view.maps and schema == "oct14":
                losses.append(_lesion_loss(names(maps, schema)[0], truth, absent))
            elif (truth != NOT_LABELLED).any():
                losses.append(pixel_loss(names(maps, schema)[0], truth, balance))
    return torch.stack(losses).sum() / len(views) if losses else finest.sum() * 0.0


def _named_places(view: View) -> Iterator[tuple[str, Tensor]]:
    """Return the classes (rows, cols) of each schema at the places of the finest map."""
    rows, cols = STRIDES["fine"][0], STRIDES["fine"][1] * _SKIPPED
    for schema, labels in view.maps.items():
        if schema != LESIONS:
            yield schema, torch.from_numpy(labels[::rows, ::cols]).long()


def _lesion_loss(logits: Tensor, truth: Tensor, absent: float) -> Tensor:
    """Return cross entropy and Dice loss of (K, h, w) logits, where only lesions are labelled.

    Where nothing is labelled no lesion is to be named, which leaves open what is: the cross
    entropy is -log(1 - P(any lesion)) there. With drawn places alone, all would be named a lesion.
    """
    known = truth != NOT_LABELLED
    drawn = torch.isin(truth, truth.new_tensor(_LESION_CLASSES))
    weight = torch.where(drawn, 1.0, absent)
    one_hot = F.one_hot(truth.clamp(max=len(logits) - 1), len(logits)).movedim(-1, 0) * known
    others = [value for value in range(len(logits)) if value not in _LESION_CLASSES]
    any_lesion = logits.logsumexp(0) - logits[others].logsumexp(0)
    surprise = torch.where(known, -(logits.log_softmax(0) * one_hot).sum(0), any_lesion)
    probability = (logits.softmax(0) * weight)[_LESION_CLASSES]
    lesions = one_hot[_LESION_CLASSES]
    area = lesions.sum(dim=(1, 2))
    overlap = (probability * lesions).sum(dim=(1, 2))
    dice = 1 - (2 * overlap + 1) / (area + probability.sum(dim=(1, 2)) + 1)
    shown = (area > 0).to(dice.dtype)
    of_classes = (dice * shown).sum() / shown.sum().clamp(min=1)
    return (weight * surprise).sum() / weight.sum().clamp(min=1) + of_classes
