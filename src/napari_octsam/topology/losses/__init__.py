"""Losses that keep a layer in one piece."""

from napari_octsam.topology.losses.cldice import SoftClDiceLoss
from napari_octsam.topology.losses.original import OriginalTopologyLoss
from napari_octsam.topology.losses.presets import Preset, preset_loss
from napari_octsam.topology.losses.prior import BettiPrior, BettiPriorLoss
from napari_octsam.topology.losses.spatial import TopologyLoss
from napari_octsam.topology.losses.truth_cache import TopologyWarning

__all__ = [
    "BettiPrior",
    "BettiPriorLoss",
    "OriginalTopologyLoss",
    "Preset",
    "SoftClDiceLoss",
    "TopologyLoss",
    "TopologyWarning",
    "preset_loss",
]
