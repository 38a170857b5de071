"""Optimizer and learning rate of a fine-tuning run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from napari_octsam.core.config import TrainConfig

__all__ = ["learning_rate", "make_optimizer"]


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step of the whole run; an epoch has so many `steps`."""
    warm = min((step + 1) / (config.warmup_steps + 1), 1.0)
    done = step / (config.epochs * steps)
    falls = {
        "constant": 1.0,
        "linear": 1 - done,
        "cosine": (1 + math.cos(math.pi * done)) / 2,
    }
    return config.lr * warm * falls[config.schedule]


def make_optimizer(
    parameters: Sequence[nn.Parameter], config: TrainConfig
) -> torch.optim.Optimizer:
    """Return the configured optimizer."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay
        )
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, config.lr, weight_decay=config.weight_decay)
