"""Heads that name classes, used only while octsam-tiny learns, and thrown away.

Masks alone teach slowly which layer a prompt means. Naming the class of every pixel teaches the
encoder the layers from few B-scans; naming the class of the object asked for teaches the decoder
to read prompts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.training.augment import View

__all__ = ["ClassHeads"]

_CLASSES = {"layers7": 8, "oct14": 14}  # schema -> number of its classes


class ClassHeads(nn.Module):
    """Linear heads for pixels and objects, one pair a schema.

    Parameters
    ----------
    pixel_channels
        Channels of the image encoder's finest map.
    token_channels
        Channels of a mask token.
    """

    def __init__(self, pixel_channels: int, token_channels: int) -> None:
        super().__init__()
        self.pixels = nn.ModuleDict(
            {name: nn.Conv2d(pixel_channels, count, 1) for name, count in _CLASSES.items()}
        )
        self.objects = nn.ModuleDict(
            {name: nn.Linear(token_channels, count) for name, count in _CLASSES.items()}
        )

    def pixel_loss(self, finest: Tensor, views: Sequence[View]) -> Tensor:
        """Return the mean cross entropy of (B, C, H/2, W/2) maps over the labelled views."""
        losses = [
            F.cross_entropy(
                head(finest[i : i + 1]),
                torch.from_numpy(view.maps[name][None, ::2, ::2]).long().to(finest.device),
                ignore_index=NOT_LABELLED,
            )
            for i, view in enumerate(views)
            for name, head in self.pixels.items()
            if name in view.maps
        ]
        return torch.stack(losses).mean() if losses else finest.sum() * 0.0

    def object_loss(self, tokens: Tensor, named: Sequence[tuple[str, int] | None]) -> Tensor:
        """Return the mean cross entropy of (N, C) tokens over the objects that have a name."""
        losses = [
            F.cross_entropy(
                self.objects[name[0]](token[None]), torch.tensor([name[1]], device=token.device)
            )
            for token, name in zip(tokens, named, strict=True)
            if name is not None and name[0] in _CLASSES
        ]
        return torch.stack(losses).mean() if losses else tokens.sum() * 0.0
