"""SAM as it is, but for its sizes: a plain vision transformer and its own mask decoder."""

from __future__ import annotations

from functools import partial

import torch
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import Tensor, nn

from napari_octsam.models.network import Features, PromptEmbedding
from napari_octsam.models.sam.network import SamNetwork

__all__ = ["ShrunkSam"]

_SIDE, _PATCH, _WIDTH, _DEPTH = 512, 16, 192, 6
_DIM = 128


class ShrunkSam(SamNetwork):
    """segment_anything's modules at the size of octsam-tiny; B-scans are grey."""

    embed_dim = _DIM
    pixel_names = None

    def __init__(self) -> None:
        grid = _SIDE // _PATCH
        super().__init__(
            Sam(
                image_encoder=ImageEncoderViT(
                    img_size=_SIDE,
                    patch_size=_PATCH,
                    in_chans=1,
                    embed_dim=_WIDTH,
                    depth=_DEPTH,
                    num_heads=6,
                    out_chans=_DIM,
                    norm_layer=partial(nn.LayerNorm, eps=1e-6),
                    use_rel_pos=True,
                    window_size=8,
                    global_attn_indexes=(2, 5),
                ),
                prompt_encoder=PromptEncoder(_DIM, (grid, grid), (_SIDE, _SIDE), 16),
                mask_decoder=MaskDecoder(
                    transformer_dim=_DIM,
                    transformer=TwoWayTransformer(2, _DIM, num_heads=8, mlp_dim=512),
                    iou_head_hidden_dim=_DIM,
                ),
            )
        )

    def decode_with_tokens(
        self, features: Features, prompts: PromptEmbedding
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Decode; the tokens are zeros, for nothing is named by them (see sam.toml)."""
        logits, iou = self.decode_masks(features, prompts)
        return logits, iou, torch.zeros(*iou.shape, _DIM, device=iou.device)
