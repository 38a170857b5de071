"""How far the topology of a mask is from the truth's."""

from napari_octsam.topology.metrics.betti_matching import (
    BettiMatching,
    betti_matching,
    betti_matching_error,
)
from napari_octsam.topology.metrics.betti_numbers import (
    betti_error,
    betti_numbers,
    cl_dice,
    layer_order_violations,
)
from napari_octsam.topology.persistence.truth import BettiNumbers

__all__ = [
    "BettiMatching",
    "BettiNumbers",
    "betti_error",
    "betti_matching",
    "betti_matching_error",
    "betti_numbers",
    "cl_dice",
    "layer_order_violations",
]
