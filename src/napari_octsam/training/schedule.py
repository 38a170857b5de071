"""Optimizer and learning rate of a fine-tuning run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from napari_octsam.core.config import TrainConfig

__all__ = ["learning_rate", "make_optimizer", "topology_begins"]


def learning_rate(config: TrainConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step of the whole run; an epoch has so many `steps`."""
    total = config.epochs * steps
    rising = min(config.warmup_steps, total // 10)  # else a short run would never get to `lr`
    warm = min((step + 1) / (rising + 1), 1.0)
    done = step / total
    falls = {
        "constant": 1.0,
        "linear": 1 - done,
        "cosine": (1 + math.cos(math.pi * done)) / 2,
    }
    return config.lr * warm * falls[config.schedule]


def topology_begins(config: TrainConfig) -> int:
    """Return the epoch, from 0, in which the topology loss begins: the last one at the latest."""
    return min(config.topology_warmup_epochs, config.epochs - 1)


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
