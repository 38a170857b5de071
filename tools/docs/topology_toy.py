"""The layer with faults that the pictures of docs/topology.md show."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.axes import Axes
from torch import Tensor

__all__ = ["Fault", "faults", "layer", "show_mask"]

SIDE = 50  # the original's resolution, so that nothing is lost to it by shrinking


@dataclass(frozen=True, slots=True)
class Fault:
    """A predicted layer with something wrong."""

    name: str
    logits: Tensor


def layer() -> Tensor:
    """Return the true mask: a wavy layer of 7 pixels."""
    rows, cols = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    return (rows - 25 - 3 * torch.sin(cols / 7)).abs() <= 3


def faults() -> list[Fault]:
    """Return the layer broken, with an island, with a hole, and with all three."""
    cut, island, hole = (torch.zeros(SIDE, SIDE, dtype=torch.bool) for _ in range(3))
    cut[:, 14:17] = True
    island[6:10, 33:38] = True
    hole[22:24, 36:39] = True
    masks = {
        "a broken layer": layer() & ~cut,
        "an island": layer() | island,
        "a hole": layer() & ~hole,
        "all three": (layer() | island) & ~cut & ~hole,
    }
    return [Fault(name, soft_logits(mask)) for name, mask in masks.items()]


def soft_logits(mask: Tensor) -> Tensor:
    """Return logits of a mask with soft edges and a little noise, as a network gives them."""
    noise = torch.randn(mask.shape, generator=torch.Generator().manual_seed(0))
    return torch.where(mask, 3.0, -3.0) + 0.05 * noise


def show_mask(axis: Axes, logits: Tensor) -> None:
    """Show probabilities in grey, without ticks."""
    axis.imshow(logits.sigmoid().numpy(), cmap="gray", vmin=-0.15, vmax=1.15)
    axis.set_xticks([])
    axis.set_yticks([])
