"""Networks by the name of their architecture."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from segment_anything import sam_model_registry

from napari_octsam.models.header import Architecture
from napari_octsam.models.network import Network
from napari_octsam.models.sam.network import SamNetwork
from napari_octsam.models.tiny.network import TinyNetwork

__all__ = ["build_network", "expected_shapes"]


def build_network(
    architecture: Architecture,
    state_dict: Mapping[str, torch.Tensor],
    device: torch.device | str = "cpu",
) -> Network:
    """Build a network with these weights, ready for inference, without initialising it first.

    The weights are copied to the device, so the file that they are mapped from may go.
    """
    network = _without_weights(architecture).to_empty(device=torch.device(device))
    network.load_state_dict(state_dict)
    return network.eval().requires_grad_(False)


def expected_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the keys and shapes of an architecture's state dict."""
    state = _without_weights(architecture).state_dict()
    return {name: tuple(weights.shape) for name, weights in state.items()}


def _without_weights(architecture: Architecture) -> SamNetwork | TinyNetwork:
    with torch.device("meta"):
        if architecture == "octsam-tiny":
            return TinyNetwork()
        return SamNetwork(sam_model_registry[architecture]())
