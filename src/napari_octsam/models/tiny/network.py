"""octsam-tiny: a small promptable network that keeps thin layers.

SAM's interface (encode a B-scan once, then decode each prompt) with segment_anything's two-way
transformer, but a convolutional encoder in the form of a U-Net, whose detailed maps reach the mask
decoder, in the way of SAM 2 (arXiv:2408.00714) and HQ-SAM (arXiv:2306.01567). Masks have as many
rows as the input. The decoder names each pixel before it is asked anything; what is named along the
sides of a box, and what the encoder sees around a point, become tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from segment_anything.modeling.prompt_encoder import PositionEmbeddingRandom
from torch import Tensor, nn

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.models.named_classes import UNKNOWN, class_index
from napari_octsam.models.network import Features
from napari_octsam.models.tiny.decoder import TinyImage, TinyMaskDecoder
from napari_octsam.models.tiny.encoder import STRIDES, UNetEncoder
from napari_octsam.models.tiny.pixel_names import NAMED, PixelNames
from napari_octsam.models.tiny.prompt_windows import TinyPrompts

__all__ = ["TinyConfig", "TinyNetwork", "build_tiny"]


def build_tiny(own: Sequence[LabelSchema] = ()) -> TinyNetwork:
    """Return octsam-tiny with random weights, with heads of these schemas beside its own."""
    return TinyNetwork(own=own)


@dataclass(frozen=True, slots=True)
class TinyConfig:
    """Sizes of the network.

    Parameters
    ----------
    input_size
        Rows and columns of the encoder's input; multiples of 32.
    widths
        Channels of the encoder at each of its scales, fine to coarse.
    embed_dim
        Channels of the image embedding and of the prompt tokens.
    """

    input_size: tuple[int, int] = (512, 512)
    widths: tuple[int, int, int, int, int] = (24, 32, 64, 128, 192)
    embed_dim: int = 128


class PromptTokens(nn.Module):
    """Embeds points and the corners of boxes, each by its place and its kind."""

    def __init__(self, dim: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.place = PositionEmbeddingRandom(dim // 2)
        self.kind = nn.Embedding(4, dim)  # a point off the object, on it, and a box's two corners
        self._spread_frequencies()

    def forward(self, points: tuple[Tensor, Tensor] | None, boxes: Tensor | None) -> Tensor | None:
        """Return (N, tokens, dim), or None where there is neither."""
        tokens = []
        if boxes is not None:
            corners = boxes.float().view(-1, 2, 2)
            tokens.append(self._placed(corners) + self.kind.weight[2:])
        if points is not None:
            coordinates, labels = points
            tokens.append(self._placed(coordinates) + self.kind(labels.long()))
        return torch.cat(tokens, dim=1) if tokens else None

    def grid(self, rows: int, cols: int) -> Tensor:
        """Return the encoding of the places of the map "image": (1, dim, rows, cols)."""
        device = self.kind.weight.device
        y = torch.arange(rows, device=device) * STRIDES["image"][0] + STRIDES["image"][0] / 2 - 0.5
        x = torch.arange(cols, device=device) * STRIDES["image"][1] + STRIDES["image"][1] / 2 - 0.5
        x_y = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        return self._placed(x_y).permute(2, 0, 1)[None]

    def _placed(self, x_y: Tensor) -> Tensor:
        rows, cols = self.size
        share = (x_y.float() + 0.5) / torch.tensor([cols, rows], device=x_y.device)
        encoded: Tensor = self.place._pe_encoding(share)
        return encoded

    def _spread_frequencies(self) -> None:
        """Give the positional encoding finer waves than SAM's: layers are thin."""
        matrix = self.place.positional_encoding_gaussian_matrix
        scales = torch.logspace(-0.3, 0.9, matrix.shape[1], base=10.0)
        matrix.copy_(torch.randn(matrix.shape) * scales)


class TinyNetwork(nn.Module):
    """The whole network; see the module's text and `Network` for the interface.

    An image may have fewer columns than the input: it is taken as its left part.

    Parameters
    ----------
    config
        By default that of octsam-tiny.
    own
        Schemas that it knows beside those of `NAMED`.
    """

    def __init__(self, config: TinyConfig | None = None, own: Sequence[LabelSchema] = ()) -> None:
        super().__init__()
        self.config = config or TinyConfig()
        dim = self.config.embed_dim
        self.image_encoder = UNetEncoder(self.config.widths, dim)
        self.prompt_encoder = PromptTokens(dim, self.config.input_size)
        self.mask_decoder = TinyMaskDecoder(dim, own)
        self._prepared: tuple[TinyImage, list[tuple[int, int]]] | None = None

    @property
    def embed_dim(self) -> int:
        """Channels of a mask token."""
        return self.config.embed_dim

    @property
    def pixel_names(self) -> PixelNames:
        """What names the pixels of its map "fine"."""
        return self.mask_decoder.pixel_names

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the encoder's input."""
        return self.config.input_size

    @property
    def mask_size(self) -> tuple[int, int]:
        """Rows and columns of the logits."""
        rows, cols = self.config.input_size
        return rows // STRIDES["fine"][0], cols // STRIDES["fine"][1]

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """Rows and columns of a mask prompt."""
        rows, cols = self.mask_size
        return rows // 2, cols // 2

    @property
    def batch_on_cpu(self) -> int:
        """Eight: what is large is drawn object by object in any case."""
        return 8

    @property
    def known_schemas(self) -> tuple[LabelSchema, ...]:
        """Those that its heads are of."""
        own = (each.schema for each in self.mask_decoder.own_classes)
        return (*map(bundled_schema, NAMED), *own)

    def begin_schema(self, schema: LabelSchema) -> list[nn.Parameter]:
        """Know another schema; its classes begin as those of the same name, where there are any."""
        known = self.known_schemas
        alike = [class_index(known, schema, each.value) for each in schema.classes]
        return list(self.mask_decoder.begin_schema(schema, alike).parameters())

    @property
    def encoder_blocks(self) -> tuple[nn.Module, ...]:
        """The parts of the encoder, down and up again."""
        return (*self.image_encoder.down, *self.image_encoder.up)

    @property
    def encoder_prefixes(self) -> tuple[str, ...]:
        """Prefix of the encoder's weights."""
        return ("image_encoder.",)

    @property
    def feature_shapes(self) -> dict[str, tuple[int, ...]]:
        """The maps of `STRIDES` for the whole input."""
        rows, cols = self.config.input_size
        channels = self.image_encoder.channels
        return {
            name: (1, channels[name], rows // down, cols // right)
            for name, (down, right) in STRIDES.items()
        }

    def encode_image(self, pixels: Tensor) -> Features:
        """Encode (B, 1, H, W) float32 into the maps of `STRIDES`."""
        return self.image_encoder(pixels)  # type: ignore[no-any-return]

    def prepare(self, features: Features) -> TinyImage:
        """Return what `TinyMaskDecoder.prepare` does.

        Without gradients it is kept for the next prompts on the same features: the same tensors,
        that is, as on a CPU, where nothing moves them.
        """
        if torch.is_grad_enabled():
            return self._prepare(features)
        made_with = [
            *self.mask_decoder.pixel_names.parameters(),
            self.prompt_encoder.place.positional_encoding_gaussian_matrix,
        ]
        weights = [(tensor.data_ptr(), tensor._version) for tensor in made_with]
        last = self._prepared
        if last is None or last[0].maps["fine"] is not features["fine"] or last[1] != weights:
            last = self._prepared = self._prepare(features), weights
        return last[0]

    def _prepare(self, features: Features) -> TinyImage:
        rows, cols = features["image"].shape[-2:]
        return self.mask_decoder.prepare(features, self.prompt_encoder.grid(rows, cols))

    def name_pixels(self, features: Features, schema: LabelSchema) -> Tensor:
        """Return the logits (classes, *mask_size) of one of `known_schemas`."""
        own = next((e for e in self.mask_decoder.own_classes if e.schema == schema), None)
        fine = features["fine"]
        logits: Tensor = self.pixel_names(fine, schema.name) if own is None else own.head(fine)
        return logits[0]

    def encode_prompts(
        self,
        points: tuple[Tensor, Tensor] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
        classes: Tensor | None = None,
    ) -> TinyPrompts:
        """Encode the prompts of N objects; coordinates are (x, y) in pixels of the input.

        Parameters
        ----------
        points
            (N, P, 2) coordinates and (N, P) labels: 1 positive, 0 negative.
        boxes
            (N, 4) x0, y0, x1, y1.
        masks
            (N, 1, h, w) logits of the size `mask_input_size`.
        classes
            (N,) int64, indices among the classes of `known_schemas`, or `UNKNOWN`.
        """
        tokens = self.prompt_encoder(points, boxes)
        if tokens is None:
            assert masks is not None
            tokens = masks.new_zeros(len(masks), 0, self.config.embed_dim)
        if classes is None:
            classes = tokens.new_full((len(tokens),), UNKNOWN, dtype=torch.long)
        return TinyPrompts(tokens, points, boxes, masks, classes)

    def decode_masks(
        self,
        image: TinyImage,
        prompts: TinyPrompts,
        extent: tuple[int, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode N prompts on one image.

        Returns
        -------
        (N, 4, *mask_size) logits, or their upper left `extent`, and (N, 4) predicted IoU.
        """
        rows, cols = extent or self.mask_size
        logits, iou, _ = self.decode_with_tokens(image, prompts)
        return logits[..., :rows, :cols], iou

    def decode_with_tokens(
        self, image: TinyImage, prompts: TinyPrompts
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode as `decode_masks` does, and return the (N, 4, embed_dim) mask tokens too."""
        return self.mask_decoder(image, prompts)  # type: ignore[no-any-return]
