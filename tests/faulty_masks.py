"""Layers with faults, and the gradients that losses have on them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.oracles.cases import OriginalCase

SIDE = 64
MATCHINGS = ("spatial", "wasserstein")


def band(side: int = SIDE, height: int = 8) -> Tensor:
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[side // 2 - height // 2 : side // 2 + height // 2] = True
    return mask


def broken_band(side: int = SIDE) -> Tensor:
    mask = band(side)
    mask[:, 30:33] = False
    return mask


def as_logits(mask: Tensor, height: float = 2.0, noise: float = 0.3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.where(mask, height, -height) + noise * torch.randn(mask.shape, generator=random)


def batch(*masks: Tensor) -> Tensor:
    return torch.stack(masks)[None]


def gradient(loss: Callable[..., Tensor], logits: Tensor, truth: Tensor) -> tuple[float, Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits, truth)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


def smooth_case(seed: int, shape: tuple[int, int, int, int]) -> tuple[Tensor, Tensor]:
    case = OriginalCase(seed, shape, 1.5)
    return torch.from_numpy(case.logits()), torch.from_numpy(case.truth())
