"""What octsam-tiny has learnt of a schema that it did not begin with."""

from __future__ import annotations

import torch
from torch import nn

from napari_octsam.core.classes import LabelSchema
from napari_octsam.models.tiny.encoder import FINE_CHANNELS

__all__ = ["OwnClasses"]


class OwnClasses(nn.Module):
    """How the pixels of a person's own schema are named, and how its classes are asked for.

    Nothing of it feeds the decoder's masks but the class that a prompt names: what was learnt
    before it came means the same beside it.

    Parameters
    ----------
    schema
        Its classes, in their order.
    tokens, weights
        Sizes of what a class adds to a prompt's tokens and to the weights of its maps.
    """

    def __init__(self, schema: LabelSchema, tokens: int, weights: int) -> None:
        super().__init__()
        self.schema = schema
        count = len(schema.classes)
        self.head = nn.Conv2d(FINE_CHANNELS, count, 1)
        self.asked = nn.Parameter(torch.zeros(count, tokens))
        self.asked_weights = nn.Parameter(torch.zeros(count, weights))
