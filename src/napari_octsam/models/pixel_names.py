"""What octsam-tiny takes each pixel for, without any prompt: evidence of what a prompt means."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_octsam.models.tiny_encoder import FINE_CHANNELS

__all__ = ["CLASSES", "NAMED", "PixelNames"]

NAMED = {"layers7": 8, "oct14": 14, "fluid": 2}
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

    def evidence(self, fine: Tensor) -> Tensor:
        """Return the probabilities of all classes of all schemas: (classes, rows, cols).

        Parameters
        ----------
        fine
            (1, FINE_CHANNELS, rows, cols).
        """
        return torch.cat([self(fine, schema)[0].softmax(0) for schema in NAMED])
