"""octsam-tiny: a small promptable network that keeps thin layers.

SAM's interface (encode a B-scan once, then decode each prompt) with segment_anything's prompt
encoder and two-way transformer, but a convolutional encoder in the form of a U-Net, whose
detailed maps reach the mask decoder, in the way of SAM 2 (arXiv:2408.00714) and HQ-SAM
(arXiv:2306.01567). Prompts also reach the decoder as maps at every scale, so that a box edge is
known to the pixel, and what the encoder sees under a prompt becomes a token of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from segment_anything.modeling import PromptEncoder
from torch import Tensor, nn

from napari_octsam.models.prompt_maps import draw_prompt_maps
from napari_octsam.models.tiny_decoder import DetailedMaskDecoder, TinyPrompts
from napari_octsam.models.tiny_encoder import UNetEncoder

__all__ = ["TinyConfig", "TinyNetwork", "TinyPrompts"]


@dataclass(frozen=True, slots=True)
class TinyConfig:
    """Sizes of the network.

    Parameters
    ----------
    input_size
        Rows and columns of the encoder's input; multiples of 32.
    widths
        Channels at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input.
    embed_dim
        Channels of the image embedding (at 1/16) and of the prompt tokens.
    """

    input_size: tuple[int, int] = (512, 512)
    widths: tuple[int, int, int, int, int] = (24, 48, 80, 144, 192)
    embed_dim: int = 128


class TinyNetwork(nn.Module):
    """The whole network; see the module's text and `Network` for the interface."""

    def __init__(self, config: TinyConfig | None = None) -> None:
        super().__init__()
        self.config = config or TinyConfig()
        rows, cols = self.config.input_size
        grid = (rows // 16, cols // 16)
        dim = self.config.embed_dim
        self.image_encoder = UNetEncoder(self.config.widths, dim)
        self.prompt_encoder = PromptEncoder(
            embed_dim=dim,
            image_embedding_size=grid,
            input_image_size=(rows, cols),
            mask_in_chans=16,
        )
        self._spread_frequencies()
        self.mask_decoder = DetailedMaskDecoder(dim)

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the encoder's input."""
        return self.config.input_size

    @property
    def mask_size(self) -> tuple[int, int]:
        """Rows and columns of the logits."""
        rows, cols = self.config.input_size
        return rows // 2, cols // 2

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """Rows and columns of a mask prompt."""
        rows, cols = self.config.input_size
        return rows // 4, cols // 4

    @property
    def encoder_blocks(self) -> tuple[nn.Module, ...]:
        """The parts of the encoder, down and up again."""
        return (*self.image_encoder.down, *self.image_encoder.up)

    @property
    def encoder_prefixes(self) -> tuple[str, ...]:
        """Prefix of the encoder's weights."""
        return ("image_encoder.",)

    def encode_image(self, pixels: Tensor) -> dict[str, Tensor]:
        """Encode (B, 1, H, W) float32 into maps "image" (1/16), "stride8", "stride4", "stride2"."""
        return self.image_encoder(pixels)  # type: ignore[no-any-return]

    def encode_prompts(
        self,
        points: tuple[Tensor, Tensor] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> TinyPrompts:
        """Encode the prompts of N objects; coordinates are (x, y) in pixels of the input.

        Parameters
        ----------
        points
            (N, P, 2) coordinates and (N, P) labels: 1 positive, 0 negative, -1 none.
        boxes
            (N, 4) x0, y0, x1, y1.
        masks
            (N, 1, H/4, W/4) logits.
        """
        sparse, dense = self.prompt_encoder(points, boxes, masks)
        maps = draw_prompt_maps(points, boxes, masks, self.mask_size)
        return TinyPrompts(sparse, dense, maps, points, boxes)

    def decode_masks(
        self,
        features: dict[str, Tensor],
        prompts: TinyPrompts,
        extent: tuple[int, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts on one image.

        Returns
        -------
        (N, 4, H/2, W/2) logits, or their upper left `extent`, and (N, 4) predicted IoU.
        """
        rows, cols = extent or self.mask_size
        logits, iou, _ = self.decode_with_tokens(features, prompts)
        return logits[..., :rows, :cols], iou

    def decode_with_tokens(
        self, features: dict[str, Tensor], prompts: TinyPrompts
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode as `decode_masks` does, and return the (N, 4, embed_dim) mask tokens too."""
        pe = self.prompt_encoder.get_dense_pe()
        return self.mask_decoder(features, pe, prompts)  # type: ignore[no-any-return]

    def _spread_frequencies(self) -> None:
        """Give the positional encoding finer waves than SAM's: layers are thin."""
        matrix = self.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
        scales = torch.logspace(-0.3, 0.9, matrix.shape[1], base=10.0)
        matrix.copy_(torch.randn(matrix.shape) * scales)
