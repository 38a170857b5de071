"""octsam-tiny: a small promptable network that keeps thin layers.

SAM's interface (encode a B-scan once, then decode each prompt) with segment_anything's prompt
encoder and two-way transformer, but a convolutional encoder in the form of a U-Net, whose
detailed maps reach the mask decoder, in the way of SAM 2 (arXiv:2408.00714) and HQ-SAM
(arXiv:2306.01567). Prompts also reach the decoder as maps at every scale, so that a box edge is
known to the pixel, and what the encoder sees under a prompt becomes a token of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from segment_anything.modeling.common import LayerNorm2d
from segment_anything.modeling.mask_decoder import MLP
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.models.prompt_features import PromptFeatures
from napari_octsam.models.prompt_maps import PROMPT_MAPS, draw_prompt_maps

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


class TinyPrompts(NamedTuple):
    """Encoded prompts of N objects."""

    sparse: Tensor
    """(N, tokens, embed_dim) embedded points and box corners."""
    dense: Tensor
    """(N, embed_dim, H/16, W/16) embedded mask prompts."""
    maps: Tensor
    """(N, PROMPT_MAPS, H/2, W/2) prompts drawn as maps."""
    points: tuple[Tensor, Tensor] | None
    """The points and their labels as they came."""
    boxes: Tensor | None
    """The boxes as they came."""


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
        self, features: dict[str, Tensor], prompts: TinyPrompts
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts on one image.

        Returns
        -------
        (N, 4, H/2, W/2) logits and (N, 4) predicted IoU.
        """
        logits, iou, _ = self.decode_with_tokens(features, prompts)
        return logits, iou

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


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions around a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(y)))


class Down(nn.Module):
    """Halve the resolution, then `blocks` residual blocks."""

    def __init__(self, channels_in: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H/2, W/2)."""
        return self.blocks(F.relu(self.reduce(x)))  # type: ignore[no-any-return]


class Up(nn.Module):
    """Double the resolution, join the map of that resolution, then one residual block."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels_in, channels, 1)
        self.block = ConvBlock(channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C_in, H/2, W/2) and (B, C, H, W) -> (B, C, H, W)."""
        x = F.interpolate(self.reduce(x), size=skip.shape[-2:], mode="bilinear")
        return self.block(F.relu(x + skip))  # type: ignore[no-any-return]


class UNetEncoder(nn.Module):
    """Image encoder: down to 1/32 and up again to 1/2, with a map for each scale."""

    def __init__(self, widths: tuple[int, int, int, int, int], embed_dim: int) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, lowest = widths
        self.down = nn.ModuleList(
            [
                Down(1, half, 1),
                Down(half, quarter, 1),
                Down(quarter, eighth, 2),
                Down(eighth, sixteenth, 2),
                Down(sixteenth, lowest, 2),
            ]
        )
        self.up = nn.ModuleList(
            [
                Up(lowest, sixteenth),
                Up(sixteenth, eighth),
                Up(eighth, quarter),
                Up(quarter, half),
            ]
        )
        self.neck = nn.Sequential(nn.Conv2d(sixteenth, embed_dim, 1), LayerNorm2d(embed_dim))
        self.detail = nn.ModuleDict(
            {
                "stride8": nn.Conv2d(eighth, embed_dim // 2, 1),
                "stride4": nn.Conv2d(quarter, embed_dim // 4, 1),
                "stride2": nn.Conv2d(half, embed_dim // 4, 1),
            }
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(B, 1, H, W) -> maps "image" (1/16), "stride8", "stride4" and "stride2"."""
        return self.project(self.pyramid(pixels))

    def project(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bring the maps of `pyramid` to the channels that the decoder takes."""
        features = {name: project(maps[name]) for name, project in self.detail.items()}
        return {"image": self.neck(maps["stride16"]), **features}

    def pyramid(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the maps before they are projected for the decoder, coarse to fine."""
        skips = []
        x = pixels
        for down in self.down:
            x = down(x)
            skips.append(x)
        maps = {}
        names = ("stride16", "stride8", "stride4", "stride2")
        for name, up, skip in zip(names, self.up, reversed(skips[:-1]), strict=True):
            x = up(x, skip)
            maps[name] = x
        return maps


class PromptPyramid(nn.Module):
    """Brings the prompt maps to each scale of the decoder."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.stride2 = nn.Conv2d(PROMPT_MAPS, dim // 8, 3, padding=1)
        self.stride4 = nn.Conv2d(dim // 8, dim // 4, 3, stride=2, padding=1)
        self.stride8 = nn.Conv2d(dim // 4, dim // 2, 3, stride=2, padding=1)
        self.stride16 = nn.Conv2d(dim // 2, dim, 3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> list[Tensor]:
        """(N, PROMPT_MAPS, H/2, W/2) -> maps at 1/2, 1/4, 1/8 and 1/16."""
        levels = [F.relu(self.stride2(maps))]
        for conv in (self.stride4, self.stride8, self.stride16):
            levels.append(F.relu(conv(levels[-1])))
        return levels


class DetailedMaskDecoder(MaskDecoder):  # type: ignore[misc]
    """segment_anything's mask decoder with detailed maps in its upscaling path."""

    def __init__(self, dim: int) -> None:
        super().__init__(
            transformer_dim=dim,
            transformer=TwoWayTransformer(depth=2, embedding_dim=dim, num_heads=8, mlp_dim=4 * dim),
            num_multimask_outputs=3,
            iou_head_hidden_dim=dim,
        )
        del self.output_upscaling
        self.prompt_pyramid = PromptPyramid(dim)
        self.prompt_features = PromptFeatures(dim // 4, dim)
        self.detail = nn.Conv2d(dim // 4, dim // 8, 1)
        self.detail_weights = nn.ModuleList(
            MLP(dim, dim, dim // 4, 3) for _ in range(self.num_mask_tokens)
        )
        self.to_eighth = nn.ConvTranspose2d(dim, dim // 2, 2, stride=2)
        self.to_quarter = nn.ConvTranspose2d(dim // 2, dim // 4, 2, stride=2)
        self.to_half = nn.ConvTranspose2d(dim // 4, dim // 8, 2, stride=2)
        self.norm_eighth = LayerNorm2d(dim // 2)
        self.mix_quarter = nn.Conv2d(dim // 4, dim // 4, 3, padding=1)
        self.mix_half = nn.Conv2d(dim // 8, dim // 8, 3, padding=1)

    def forward(
        self, features: dict[str, Tensor], image_pe: Tensor, prompts: TinyPrompts
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N, 4, H/2, W/2) logits, (N, 4) predicted IoU and (N, 4, dim) mask tokens.

        A mask is its token's weighing of two maps: one drawn for the prompt, and the finest one
        of the image, which knows the layers.
        """
        half, quarter, eighth, sixteenth = self.prompt_pyramid(prompts.maps)
        tokens, x = self._attend(features, image_pe, prompts, sixteenth)
        x = F.relu(self.norm_eighth(self.to_eighth(x) + features["stride8"] + eighth))
        x = F.relu(self.to_quarter(x) + features["stride4"] + quarter)
        x = F.relu(x + self.mix_quarter(x))
        x = F.relu(self.to_half(x) + self.detail(features["stride2"]) + half)
        x = F.relu(x + self.mix_half(x))
        mask_tokens = tokens[:, 1 : 1 + self.num_mask_tokens]
        drawn = torch.einsum(
            "nkc,nchw->nkhw", _each(self.output_hypernetworks_mlps, mask_tokens), x
        )
        known = torch.einsum(
            "nkc,chw->nkhw", _each(self.detail_weights, mask_tokens), features["stride2"][0]
        )
        return drawn + known, self.iou_prediction_head(tokens[:, 0]), mask_tokens

    def _attend(
        self,
        features: dict[str, Tensor],
        image_pe: Tensor,
        prompts: TinyPrompts,
        prompt_map: Tensor,
    ) -> tuple[Tensor, Tensor]:
        n = prompts.sparse.shape[0]
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(n, -1, -1), prompts.sparse], dim=1)
        if prompts.points is not None or prompts.boxes is not None:
            seen = self.prompt_features(features["stride2"], prompts.points, prompts.boxes)
            tokens = torch.cat([tokens, seen], dim=1)
        source = features["image"] + prompts.dense + prompt_map
        tokens, source = self.transformer(source, image_pe.expand(n, -1, -1, -1), tokens)
        _, dim, rows, cols = prompt_map.shape
        return tokens, source.transpose(1, 2).reshape(n, dim, rows, cols)


def _each(networks: nn.ModuleList, tokens: Tensor) -> Tensor:
    """Give each of the (N, K, dim) tokens to its own network: (N, K, C)."""
    return torch.stack([net(tokens[:, i]) for i, net in enumerate(networks)], dim=1)
