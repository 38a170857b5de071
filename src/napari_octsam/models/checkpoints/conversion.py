"""Names of SAM's weights: segment_anything's, which this package uses, and transformers'."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from napari_octsam.models.checkpoints.build import expected_shapes
from napari_octsam.models.header import Architecture

__all__ = ["from_transformers", "to_transformers", "transformers_key"]

_ENCODING = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_SHARED_ENCODINGS = (
    "shared_image_embedding.positional_embedding",
    "prompt_encoder.shared_embedding.positional_embedding",
)
"""transformers keeps one positional encoding under two names; a file may have either or both."""

_RULES = (
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.", "vision_encoder."),
    (r"^vision_encoder\.patch_embed\.proj\.", "vision_encoder.patch_embed.projection."),
    (r"\.neck\.0\.", ".neck.conv1."),
    (r"\.neck\.1\.", ".neck.layer_norm1."),
    (r"\.neck\.2\.", ".neck.conv2."),
    (r"\.neck\.3\.", ".neck.layer_norm2."),
    (r"\.norm(\d|_final_attn)\.", r".layer_norm\1."),
    (r"\.point_embeddings\.", ".point_embed."),
    (r"\.mask_downscaling\.0\.", ".mask_embed.conv1."),
    (r"\.mask_downscaling\.1\.", ".mask_embed.layer_norm1."),
    (r"\.mask_downscaling\.3\.", ".mask_embed.conv2."),
    (r"\.mask_downscaling\.4\.", ".mask_embed.layer_norm2."),
    (r"\.mask_downscaling\.6\.", ".mask_embed.conv3."),
    (r"\.output_upscaling\.0\.", ".upscale_conv1."),
    (r"\.output_upscaling\.1\.", ".upscale_layer_norm."),
    (r"\.output_upscaling\.3\.", ".upscale_conv2."),
    (r"(mlps\.\d|prediction_head)\.layers\.0\.", r"\1.proj_in."),
    (r"(mlps\.\d|prediction_head)\.layers\.1\.", r"\1.layers.0."),
    (r"(mlps\.\d|prediction_head)\.layers\.2\.", r"\1.proj_out."),
)
"""What changes in a name, in this order."""


def transformers_key(key: str) -> str:
    """Return the name in transformers' `SamModel` of a weight of segment_anything's `Sam`."""
    if key == _ENCODING:
        return _SHARED_ENCODINGS[0]
    for pattern, replacement in _RULES:
        key = re.sub(pattern, replacement, key)
    return key


def from_transformers(
    state_dict: Mapping[str, torch.Tensor], architecture: Architecture
) -> dict[str, torch.Tensor]:
    """Return a `SamModel`'s weights under segment_anything's names; unknown ones keep theirs."""
    keys = {transformers_key(key): key for key in expected_shapes(architecture)}
    keys |= dict.fromkeys(_SHARED_ENCODINGS, _ENCODING)
    return {keys.get(key, key): weights for key, weights in state_dict.items()}


def to_transformers(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return segment_anything's weights under the names of transformers' `SamModel`."""
    renamed = {transformers_key(key): weights for key, weights in state_dict.items()}
    return renamed | {key: state_dict[_ENCODING].clone() for key in _SHARED_ENCODINGS}
