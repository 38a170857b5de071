"""A SAM of vit_b's kind, but small, for the tests of low-rank adapters."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
import torch
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.sam.network import SamNetwork

WIDTH, BLOCKS, SIDE, DIM = 192, 2, 128, 32


def small_sam(masks: int = 4) -> Sam:
    """Return one windowed and one global block, and a decoder of so many masks."""
    grid = (SIDE // 16, SIDE // 16)
    return Sam(
        ImageEncoderViT(
            img_size=SIDE,
            embed_dim=WIDTH,
            depth=BLOCKS,
            num_heads=2,
            out_chans=DIM,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=4,
            global_attn_indexes=(1,),
        ),
        PromptEncoder(DIM, grid, (SIDE, SIDE), mask_in_chans=8),
        MaskDecoder(
            num_multimask_outputs=masks - 1,
            transformer=TwoWayTransformer(depth=2, embedding_dim=DIM, num_heads=4, mlp_dim=64),
            transformer_dim=DIM,
            iou_head_hidden_dim=32,
        ),
    )


def call_it_vit_b(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let vit_b mean this one."""
    small = replace(
        ARCHITECTURES["vit_b"], build=lambda: SamNetwork(small_sam()), encoder_width=WIDTH
    )
    monkeypatch.setitem(ARCHITECTURES, "vit_b", small)


def weights_of(masks: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return weights as segment_anything saves them, none of those of the encoder 0."""
    torch.manual_seed(seed)
    sam = small_sam(masks).requires_grad_(False)
    for name, weights in sam.image_encoder.named_parameters():
        if "rel_pos" in name or "pos_embed" in name:
            weights.normal_(std=0.3)
    return {k: v for k, v in sam.state_dict().items() if not k.startswith("pixel_")}
