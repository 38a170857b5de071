"""Names of SAM's weights in transformers' `SamModel`."""

from __future__ import annotations

import re

from napari_octsam.models.architecture import Names

__all__ = ["TRANSFORMERS"]

_ENCODING = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_SHARED, _COPY = (
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


def _of(name: str) -> str:
    if name == _ENCODING:
        return _SHARED
    for pattern, replacement in _RULES:
        name = re.sub(pattern, replacement, name)
    return name


TRANSFORMERS = Names("transformers", _of, copies={_COPY: _ENCODING})
