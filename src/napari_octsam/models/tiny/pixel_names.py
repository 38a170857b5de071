"""What octsam-tiny takes each pixel for, without any prompt: evidence of what a prompt means."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from napari_octsam.core.classes import bundled_schema
from napari_octsam.models.tiny.architecture import TINY
from napari_octsam.models.tiny.encoder import FINE_CHANNELS

__all__ = ["CLASSES", "NAMED", "PixelNames"]

NAMED = {name: len(bundled_schema(name).classes) for name in TINY.named_schemas}
"""Schemas whose classes are named, and how many they have."""

CLASSES = sum(NAMED.values())
"""Classes of all schemas together."""


class PixelNames(nn.Module):
    """Linear heads on the encoder's finest map, one for each schema of `NAMED`."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {schema: nn.Conv2d(FINE_CHANNELS, count, 1) for schema, count in NAMED.items()}
        )

    def forward(self, fine: Tensor, schema: str) -> Tensor:
        """Return the logits (B, classes, rows, cols) of a schema, of (B, FINE_CHANNELS, ...)."""
        logits: Tensor = self.heads[schema](fine)
        return logits

    def all_heads(self) -> list[nn.Conv2d]:
        """Return the heads in the order of `NAMED`."""
        return [cast(nn.Conv2d, self.heads[schema]) for schema in NAMED]

    def evidence(self, fine: Tensor) -> Tensor:
        """Return the probabilities of all classes of all schemas: (classes, rows, cols).

        Parameters
        ----------
        fine
            (1, FINE_CHANNELS, rows, cols).
        """
        heads = self.all_heads()
        weight = torch.cat([head.weight.flatten(1) for head in heads])
        bias = torch.cat([cast(Tensor, head.bias) for head in heads])
        logits = torch.addmm(bias[:, None], weight, fine[0].flatten(1))
        named = [part.softmax(0) for part in torch.split(logits, list(NAMED.values()))]
        return torch.cat(named).view(-1, *fine.shape[-2:])
