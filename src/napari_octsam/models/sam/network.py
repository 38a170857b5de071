"""segment_anything's Sam as a `Network`."""

from __future__ import annotations

import torch
from segment_anything import sam_model_registry
from segment_anything.modeling import Sam
from torch import nn

from napari_octsam.core.classes import LabelSchema
from napari_octsam.models.network import Features, MaskPrompts, PointPrompts, PromptEmbedding
from napari_octsam.models.sam.attention import ChunkedAttention
from napari_octsam.models.sam.mask_head import draw_masks
from napari_octsam.models.two_way import FoldedTwoWayTransformer, by_place

__all__ = ["SamNetwork", "build_sam"]


def build_sam(name: str) -> SamNetwork:
    """Return "vit_b", "vit_l" or "vit_h" with random weights."""
    return SamNetwork(sam_model_registry[name]())


class SamNetwork(nn.Module):
    """SAM with a plain vision transformer; its state dict has segment_anything's keys.

    Autocast, where the caller turns it on, covers the transformer's blocks only: what stands
    before and after them is cheap and loses most by rounding.

    Parameters
    ----------
    sam
        The model whose parts are taken over.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.image_encoder = sam.image_encoder
        self.prompt_encoder = sam.prompt_encoder
        self.mask_decoder = sam.mask_decoder
        for block in self.image_encoder.blocks:
            block.attn = ChunkedAttention(block.attn)
        self.mask_decoder.transformer = FoldedTwoWayTransformer(sam.mask_decoder.transformer)
        self._grid_encoding: tuple[object, torch.Tensor] | None = None

    @property
    def input_size(self) -> tuple[int, int]:
        """Rows and columns of the encoder's input."""
        side: int = self.image_encoder.img_size
        return side, side

    @property
    def mask_size(self) -> tuple[int, int]:
        """Rows and columns of the low-resolution logits."""
        return self.mask_input_size

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """Rows and columns of a mask prompt."""
        rows, cols = self.prompt_encoder.mask_input_size
        return rows, cols

    @property
    def batch_on_cpu(self) -> int:
        """Two: of more, what the decoder writes no longer fits the cache."""
        return 2

    @property
    def known_schemas(self) -> tuple[LabelSchema, ...]:
        """None: SAM is asked for what is marked, whatever its class, and names nothing."""
        return ()

    def begin_schema(self, schema: LabelSchema) -> list[nn.Parameter]:
        """Not to be called: it knows no schema."""
        raise NotImplementedError

    @property
    def encoder_blocks(self) -> tuple[nn.Module, ...]:
        """The transformer's blocks."""
        return tuple(self.image_encoder.blocks)

    @property
    def encoder_prefixes(self) -> tuple[str, ...]:
        """Prefix of the keys that an embedding depends on."""
        return ("image_encoder.",)

    @property
    def feature_shapes(self) -> dict[str, tuple[int, ...]]:
        """The image's embedding, (1, 256, 64, 64)."""
        return {
            "image": (1, self.prompt_encoder.embed_dim, *self.prompt_encoder.image_embedding_size)
        }

    def encode_image(self, pixels: torch.Tensor) -> Features:
        """Encode (B, 3, 1024, 1024) float32 into "image": (B, 256, 64, 64) float32."""
        encoder = self.image_encoder
        with torch.autocast(pixels.device.type, enabled=False):
            tokens = encoder.patch_embed(pixels) + encoder.pos_embed
        for block in encoder.blocks:
            tokens = block(tokens)
        with torch.autocast(pixels.device.type, enabled=False):
            return {"image": encoder.neck(tokens.float().permute(0, 3, 1, 2))}

    def prepare(self, features: Features) -> Features:
        """Return the features: SAM's decoder does nothing before it is asked."""
        return features

    def name_pixels(self, features: Features, schema: LabelSchema) -> torch.Tensor:
        """Not to be called: there are no `known_schemas`."""
        raise NotImplementedError

    def encode_prompts(
        self,
        points: PointPrompts | None = None,
        boxes: torch.Tensor | None = None,
        masks: MaskPrompts | None = None,
        classes: torch.Tensor | None = None,  # noqa: ARG002 (SAM knows none)
    ) -> PromptEmbedding:
        """Encode N prompts into sparse (N, T, 256) and dense (N, 256, 64, 64) embeddings."""
        sparse, dense = self.prompt_encoder(points, boxes, masks)
        return sparse, dense

    def decode_masks(
        self, image: Features, prompts: PromptEmbedding, extent: tuple[int, int] | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode N prompts on one image: (N, 4, 256, 256) logits and (N, 4) predicted IoU."""
        sparse, dense = prompts
        decoder = self.mask_decoder
        own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(sparse), -1, -1), sparse], dim=1)
        source = image["image"] + dense
        encoding = self._encode_grid().expand(len(sparse), -1, -1, -1)
        tokens, told = decoder.transformer(source, encoding, tokens)
        told = told.unflatten(1, source.shape[2:])
        mask_tokens = tokens[:, 1 : 1 + decoder.num_mask_tokens]
        logits = draw_masks(decoder, mask_tokens, told, extent or self.mask_size)
        return logits, decoder.iou_prediction_head(tokens[:, 0])

    def _encode_grid(self) -> torch.Tensor:
        """Return the positional encoding of the image's grid, (1, 256, 64, 64), made once."""
        matrix = self.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix
        origin = (matrix.data_ptr(), matrix._version, matrix.device)
        if self._grid_encoding is None or self._grid_encoding[0] != origin:
            with torch.inference_mode(False), torch.no_grad():  # so that training may use it too
                encoding = by_place(self.prompt_encoder.get_dense_pe())
                self._grid_encoding = (origin, encoding)
        return self._grid_encoding[1]
