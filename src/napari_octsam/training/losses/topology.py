"""The topology loss of a training's objects."""

from __future__ import annotations

from torch import Tensor, nn

from napari_octsam.core.config import TrainConfig
from napari_octsam.topology.losses import OriginalTopologyLoss, TopologyLoss, preset_loss
from napari_octsam.topology.persistence.backends import quickest_backend
from napari_octsam.training.losses.objects import Truth

__all__ = ["labelled_alone", "make_topology_loss", "topology_loss"]

_SURELY_NOT = -20.0  # a logit far in the background


def topology_loss(loss: nn.Module, single: Tensor, truth: Truth) -> Tensor | None:
    """Return the topology loss of N masks, (N, h, w) logits: a mean over them.

    What nobody labelled is background in mask and truth alike, and has no gradient.

    Parameters
    ----------
    loss
        From `make_topology_loss`, or another one of `topology.losses`.

    Returns
    -------
    None where a logit is not finite and has no topology: the other losses tell of it.
    """
    masks, target = labelled_alone(single, truth)
    if not masks.isfinite().all():
        return None
    found: Tensor = loss(masks[None], target[None])
    return found


def labelled_alone(logits: Tensor, truth: Truth) -> tuple[Tensor, Tensor]:
    """Return logits and target with background where nobody labelled."""
    unlabelled = truth.counts < 0.5
    return logits.masked_fill(unlabelled, _SURELY_NOT), truth.target.masked_fill(unlabelled, 0)


def make_topology_loss(config: TrainConfig) -> TopologyLoss | OriginalTopologyLoss | None:
    """Return the topology loss of a configuration, weighted, if it has one."""
    if config.topology == "none" or not config.uses_topology:
        return None
    side = config.topology_size
    size = None if side is None else (side, side)
    backend = quickest_backend()
    return preset_loss(config.topology, config.topology_weight, size=size, backend=backend)
