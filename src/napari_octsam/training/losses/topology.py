"""The topology loss of a training's objects."""

from __future__ import annotations

from torch import Tensor, nn

from napari_octsam.core.config import TrainConfig
from napari_octsam.topology.losses import preset_loss
from napari_octsam.topology.persistence.backends import quickest_backend
from napari_octsam.training.losses.objects import Truth

__all__ = ["make_topology_loss", "topology_loss"]

_SURELY_NOT = -20.0  # a logit far in the background


def topology_loss(loss: nn.Module, single: Tensor, truth: Truth) -> Tensor | None:
    """Return the topology loss of the masks 0 of N objects, (N, h, w) logits: a mean over them.

    What nobody labelled is background in mask and truth alike, and has no gradient.

    Parameters
    ----------
    loss
        From `make_topology_loss`, or another one of `topology.losses`.

    Returns
    -------
    None where a logit is not finite and has no topology: the other losses tell of it.
    """
    unlabelled = truth.counts < 0.5
    single = single.masked_fill(unlabelled, _SURELY_NOT)
    if not single.isfinite().all():
        return None
    found: Tensor = loss(single[None], truth.target.masked_fill(unlabelled, 0)[None])
    return found


def make_topology_loss(config: TrainConfig) -> nn.Module | None:
    """Return the topology loss of a configuration, weighted, if it has one."""
    if config.topology == "none" or not config.uses_topology:
        return None
    side = config.topology_size
    size = None if side is None else (side, side)
    backend = quickest_backend()
    return preset_loss(config.topology, config.topology_weight, size=size, backend=backend)
