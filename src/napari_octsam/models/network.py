"""What every promptable network offers: encode an image once, then decode each prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from napari_octsam.core.classes import LabelSchema

__all__ = [
    "Embedding",
    "Features",
    "MaskPrompts",
    "Network",
    "PointPrompts",
    "Preprocess",
    "PromptEmbedding",
]

Preprocess = Callable[[npt.NDArray[np.uint8], tuple[int, int]], torch.Tensor]
"""From an (H, W) uint8 B-scan, (H, W, 3) in colour, and the rows and columns of a network's input
to that input, (1, C, rows, columns) float32."""

Features = dict[str, torch.Tensor]
"""What the encoder makes of images: name -> (B, ...) tensor; "image" is SAM's embedding."""

PointPrompts = tuple[torch.Tensor, torch.Tensor]
"""(N, P, 2) float32 coordinates (x, y) in pixels of the encoder's input, pixel centres at integers,
and (N, P) int labels: 1 on the object, 0 off it."""

MaskPrompts = torch.Tensor
"""(N, 1, h, w) float32 logits of a rough mask, of the size `Network.mask_input_size`."""

PromptEmbedding = tuple[Any, ...]
"""What the prompt encoder makes of N prompts, for `decode_masks` of the same network only."""


class Network(Protocol):
    """A promptable segmentation network; every implementation is an `nn.Module` too."""

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the encoder's input."""
        ...

    @property
    def mask_size(self) -> tuple[int, int]:
        """Rows and columns of the low-resolution logits."""
        ...

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """Rows and columns of a mask prompt."""
        ...

    @property
    def batch_on_cpu(self) -> int:
        """Prompts that are quickest to decode together on a CPU."""
        ...

    @property
    def known_schemas(self) -> tuple[LabelSchema, ...]:
        """Label schemas by whose classes it names pixels unasked, and can be asked for objects.

        None where it takes no class.
        """
        ...

    def begin_schema(self, schema: LabelSchema) -> list[nn.Parameter]:
        """Know another schema from now on, to learn it; only of a network that knows some.

        Its classes begin as those that are known under the same name, or as none.

        Returns
        -------
        The weights that it has for them.
        """
        ...

    @property
    def encoder_blocks(self) -> tuple[nn.Module, ...]:
        """Parts of the encoder that run one after the other, for progress and cancelling."""
        ...

    @property
    def encoder_prefixes(self) -> tuple[str, ...]:
        """Prefixes of the state dict's keys that an embedding depends on."""
        ...

    @property
    def feature_shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Name -> shape of each of the features that `encode_image` makes of one image."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the weights by name."""
        ...

    def encode_image(self, pixels: torch.Tensor) -> Features:
        """Encode (B, C, H, W) float32 preprocessed pixels of the size `input_size`."""
        ...

    def prepare(self, features: Features) -> Any:
        """Return what `decode_masks` of the same network takes of an image's (1, ...) features.

        What is the same for all prompts is done here. It depends on the mask decoder's weights, so
        that embeddings are kept without it.
        """
        ...

    def name_pixels(self, features: Features, schema: LabelSchema) -> torch.Tensor:
        """Return how much each class of one of `known_schemas` looks like each pixel, unprompted.

        Parameters
        ----------
        features
            Of one image, (1, ...).

        Returns
        -------
        (classes, rows, cols) float32 logits, in the schema's order, whose softmax is how probable
        they are; over the whole input, like the logits of masks, at the resolution `mask_size`.
        """
        ...

    def encode_prompts(
        self,
        points: PointPrompts | None = None,
        boxes: torch.Tensor | None = None,
        masks: MaskPrompts | None = None,
        classes: torch.Tensor | None = None,
    ) -> PromptEmbedding:
        """Encode N prompts, all with the same parts.

        Parameters
        ----------
        points
            Coordinates (N, P, 2) and labels (N, P); see `PointPrompts`.
        boxes
            (N, 4) float32 corners x0, y0, x1, y1, in the frame of the points.
        masks
            (N, 1, h, w) float32 logits; see `MaskPrompts`.
        classes
            (N,) int64, from `models.named_classes`: the class of each object among those of
            `known_schemas`, counted through them in their order, or `UNKNOWN`. By default all are
            unknown; a network without known schemas looks at none.
        """
        ...

    def decode_masks(
        self, image: Any, prompts: Any, extent: tuple[int, int] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N prompts, from `encode_prompts`, on one image.

        Parameters
        ----------
        image
            From `prepare`.
        extent
            Rows and columns of the logits that are wanted, from the upper left corner on; by
            default all, `mask_size`.

        Returns
        -------
        logits
            (N, 4, *extent) float32; 0 is the single mask, 1 to 3 candidates.
        scores
            (N, 4) float32, predicted IoU of each.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """One encoded B-scan: all that is needed to decode prompts on it.

    Parameters
    ----------
    features
        Output of `Network.encode_image` for one image, each (1, ...) float32.
    shape
        Rows and columns of the B-scan.
    """

    features: Features
    shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes that the features take in memory."""
        return sum(feature.nbytes for feature in self.features.values())

    def to(self, device: torch.device | str) -> Embedding:
        """Return the embedding with its features on `device`."""
        features = {name: feature.to(device) for name, feature in self.features.items()}
        return Embedding(features, self.shape)
