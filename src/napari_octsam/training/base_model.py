"""What can be asked of a base model, as far as that is known before it is loaded."""

from __future__ import annotations

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import listed
from napari_octsam.models.architectures import ARCHITECTURES, profiles
from napari_octsam.models.checkpoints.registry import REGISTRY

__all__ = ["check_base_model"]


def check_base_model(config: TrainConfig) -> None:
    """Check that the settings fit the base model, where it is a registered one.

    What a checkpoint's file holds is known once it is loaded: see `adaptation.as_configured`.

    Raises
    ------
    UserError
        The model cannot take adapters or colours, or there is no such preprocessing.
    """
    if config.profile and config.profile not in profiles():
        known = listed(profiles(), "or")
        raise UserError(f"There is no preprocessing '{config.profile}': use {known}.")
    if config.base_model not in REGISTRY:
        return
    architecture = ARCHITECTURES[REGISTRY[config.base_model].architecture]
    if config.adapts == "lora" and architecture.no_adapters:
        raise UserError(
            f"{architecture.name} {architecture.no_adapters} and cannot take the low-rank adapters "
            "of 'lora': choose a SAM, such as vit_b, as base_model."
        )
    if config.pseudocolor not in (None, "grayscale") and not architecture.takes_colors:
        raise UserError(
            f"{architecture.name} sees grey B-scans only, not {config.pseudocolor}: "
            "choose a SAM, such as vit_b, as base_model."
        )
