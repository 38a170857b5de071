"""The topology losses by name, as a configuration says them."""

from __future__ import annotations

from typing import Literal

from napari_octsam.core.errors import UserError
from napari_octsam.topology.losses.original import OriginalTopologyLoss
from napari_octsam.topology.losses.spatial import TopologyLoss
from napari_octsam.topology.persistence.backends import Backend

__all__ = ["Preset", "preset_loss"]

Preset = Literal["spatial", "wasserstein", "octsam"]
"""Ours with places, ours without, and the original project's."""


def preset_loss(
    preset: Preset,
    weight: float = 0.1,
    *,
    size: tuple[int, int] | None = None,
    logits: bool = True,
    backend: Backend = "cripser",
) -> TopologyLoss | OriginalTopologyLoss:
    """Return a topology loss; both kinds are called with the same arguments.

    Parameters
    ----------
    weight
        The loss is multiplied by it; the default is the original project's.
    size
        Rows and columns to compute at; None is the resolution of the prediction, or the original's
        own 50 x 50.
    logits, backend
        See `bars.Filtration`.

    Raises
    ------
    UserError
        The original is asked for at another size than its own.
    """
    if preset != "octsam":
        return TopologyLoss(weight, matching=preset, size=size, logits=logits, backend=backend)
    if size is not None:
        raise UserError(
            "The original topology loss (octsam) is computed at 50 x 50 pixels only: leave out "
            "its size, or choose spatial or wasserstein."
        )
    return OriginalTopologyLoss(weight, logits=logits, backend=backend)
