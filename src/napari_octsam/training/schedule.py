"""Optimizer and learning rate of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from napari_octsam.core.config import TrainConfig

__all__ = ["learning_rate", "make_optimizer", "set_rate", "topology_begins", "warmed_fall"]

_FRESH = 10.0  # times as fast as the others what knows nothing yet learns


def warmed_fall(
    highest: float,
    step: int,
    steps: int,
    warmup: int,
    shape: Literal["constant", "linear", "cosine"] = "cosine",
) -> float:
    """Return the learning rate of a step, counted from 0: it rises in a line, and falls.

    Parameters
    ----------
    highest
        Where it falls from.
    steps
        From the first to the last, where a falling rate is next to nothing.
    warmup
        Steps in which it rises.
    shape
        How it falls; "cosine" is half of one (Loshchilov and Hutter 2017, arXiv:1608.03983).
    """
    warm = min((step + 1) / (warmup + 1), 1.0)
    done = step / steps
    fall = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}
    return highest * warm * fall[shape]


def learning_rate(config: TrainConfig, step: int, total: int) -> float:
    """Return the learning rate of a step of the whole run, which has so many in `total`."""
    assert config.lr is not None
    rising = min(config.warmup_steps, total // 10)  # else a short run would never get to `lr`
    return warmed_fall(config.lr, step, total, rising, config.schedule)


def topology_begins(config: TrainConfig, epochs: int) -> int:
    """Return the epoch, from 0, in which the topology loss begins: the last one at the latest."""
    return min(config.topology_warmup_epochs, epochs - 1)


def make_optimizer(
    parameters: Sequence[nn.Parameter], config: TrainConfig, fresh: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return the configured optimizer.

    Parameters
    ----------
    fresh
        The last of the parameters, which know nothing yet: they learn at a rate of their own.
    """
    assert config.lr is not None
    known = parameters[: len(parameters) - len(fresh)]
    groups: list[dict[str, Any]] = [
        {"params": list(known)},
        {"params": list(fresh), "faster": _FRESH},
    ]
    return _optimizer([group for group in groups if group["params"]], config)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Let the next step have a learning rate; what is fresh a higher one."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("faster", 1)


def _optimizer(parameters: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    assert config.lr is not None
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay
        )
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, config.lr, weight_decay=config.weight_decay)
