"""octsam-tiny: how its checkpoints are told, and what it takes."""

from __future__ import annotations

from napari_octsam.models.architecture import Architecture, Guess, Profile, imported

__all__ = ["TINY"]

_PROFILE = Profile("octsam-tiny", imported("tiny.preprocessing:preprocess_tiny"))

TINY = Architecture(
    name="octsam-tiny",
    build=imported("tiny.network:build_tiny"),
    telltale="image_encoder.down.0.reduce.weight",
    earlier={"image_encoder.detail.stride2.weight": "version 1"},
    begins_at_zero=("mask_decoder.asked", "mask_decoder.asked_weights"),
    profiles=(_PROFILE,),
    guess=lambda *_: Guess(_PROFILE),
    takes_colors=False,
    no_adapters="is convolutional",
    gains_by_16_bit=False,
    named_schemas=("layers7", "oct14", "fluid"),
)
