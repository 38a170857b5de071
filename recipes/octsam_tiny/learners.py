"""What octsam-tiny's training teaches."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from napari_octsam.models.network import Network
from napari_octsam.models.tiny.pixel_names import PixelNames
from recipes.octsam_tiny.naming import ObjectNames

__all__ = ["Learners", "Promptable"]


class Promptable(Network, Protocol):
    """A network that also says what it made of the prompts, so that the objects can be named."""

    @property
    def embed_dim(self) -> int:
        """Channels of a mask token."""
        ...

    @property
    def pixel_names(self) -> PixelNames | None:
        """What names the pixels of its map "fine", if something does."""
        ...

    def decode_with_tokens(self, image: Any, prompts: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Decode as `decode_masks` does, and return the (N, 4, dim) mask tokens too."""
        ...


class Learners(nn.Module):
    """The network, and the heads that name its objects, which are thrown away afterwards."""

    def __init__(self, network: Promptable) -> None:
        super().__init__()
        self.network = network
        self.names = ObjectNames(network.embed_dim)
