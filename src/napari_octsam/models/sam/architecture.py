"""SAM's three sizes: how their checkpoints are told, and what they take."""

from __future__ import annotations

from functools import partial

from napari_octsam.models.architecture import OWN, Architecture, Guess, Names, Profile, imported
from napari_octsam.models.sam.transformers import TRANSFORMERS

__all__ = ["SAMS"]

_SAM = Profile("sam", imported("sam.preprocessing:preprocess_sam"), letterboxed=True)
_MEDSAM = Profile("medsam", imported("sam.preprocessing:preprocess_medsam"))


def _guess(file_name: str, names: Names) -> Guess:
    if names is TRANSFORMERS:
        return Guess(
            _SAM,
            single_mask=True,
            note=f"{file_name} was saved by transformers and taken for a model fine-tuned to one "
            "mask an object, so its other candidates are never shown first.",
        )
    if "medsam" in file_name.casefold():
        return Guess(
            _MEDSAM,
            single_mask=True,
            note=f"{file_name} was taken for MedSAM because of its name, and is fed MedSAM's "
            "preprocessing: choose the preprocessing sam if that is wrong.",
        )
    return Guess(_SAM)


def _sam(name: str, encoder_width: int) -> Architecture:
    return Architecture(
        name=name,
        build=partial(imported("sam.network:build_sam"), name),
        telltale="image_encoder.pos_embed",
        encoder_width=encoder_width,
        names=(OWN, TRANSFORMERS),
        profiles=(_SAM, _MEDSAM),
        guess=_guess,
        takes_colors=True,
        no_adapters="",
        gains_by_16_bit=True,
    )


SAMS = (_sam("vit_b", 768), _sam("vit_l", 1024), _sam("vit_h", 1280))
