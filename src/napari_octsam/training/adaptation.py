"""What a fine-tuning run changes in its model before it begins, and what it trains."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import BEST_MODEL, RUN_CONFIG
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.adapters import make_record
from napari_octsam.models.checkpoints.colors import Colors
from napari_octsam.models.checkpoints.headers import read_header
from napari_octsam.models.checkpoints.registry import REGISTRY
from napari_octsam.models.embeddings import encoder_hash
from napari_octsam.models.header import AdapterRecord, Header
from napari_octsam.models.model import Model
from napari_octsam.models.precision import check_precision
from napari_octsam.models.sam.adapters import adapter_weights, add_adapters, joined

__all__ = [
    "adapter_record",
    "as_configured",
    "colors_of_base",
    "frozen_hash",
    "gradient_scaler",
    "thaw",
    "weights_to_keep",
]


def as_configured(model: Model, config: TrainConfig) -> Model:
    """Return the model as the settings have it: its colour map and its precision.

    Raises
    ------
    UserError
        The model cannot take adapters, does not see colours, or others; or its device does not have
        the precision.
    """
    header = model.header
    architecture = ARCHITECTURES[header.architecture]
    if config.adapts == "lora" and architecture.no_adapters:
        raise UserError(
            f"{architecture.name} {architecture.no_adapters} and cannot take low-rank adapters: "
            "choose a SAM, such as vit_b, or train its decoder."
        )
    check_precision(config.precision, model.device)
    return replace(
        model,
        header=_colored(header, config),
        precision=model.precision if config.precision == "auto" else config.precision,
    )


def colors_of_base(config: TrainConfig) -> Colors | None:
    """Return the colours that are set, for a base model whose file says none."""
    if config.pseudocolor is None or config.base_model in REGISTRY:
        return None
    said = _header_of(Path(config.base_model)) is not None
    return None if said else Colors(config.pseudocolor, config.blue_first)


def adapter_record(config: TrainConfig) -> AdapterRecord | None:
    """Return what a file of the trained adapters says of itself.

    None where none are trained, where the base is the best model of an earlier run (that is
    written anew when the run goes on, and adapters are nothing without their base), or where the
    base is adapters itself, which need another file beside them.

    Raises
    ------
    UserError
        The base model's file cannot be read.
    """
    base = Path(config.base_model)
    of_a_run = base.name == BEST_MODEL and (base.parent / RUN_CONFIG).exists()
    if config.adapts != "lora" or of_a_run or _is_adapters(base):
        return None
    return make_record(config.base_model, config.lora_rank, config.lora_alpha)


def _is_adapters(file: Path) -> bool:
    header = _header_of(file)
    return header is not None and header.adapter is not None


def _header_of(file: Path) -> Header | None:
    try:
        return read_header(file)
    except UserError:  # it is none of ours
        return None


def _colored(header: Header, config: TrainConfig) -> Header:
    """Return a header with the colours that are set; those that a model has learnt it keeps."""
    color = config.pseudocolor
    if color is None:
        return header
    if color != "grayscale" and not ARCHITECTURES[header.architecture].takes_colors:
        raise UserError(f"{header.name} sees grey B-scans only: set pseudocolor to grayscale.")
    if header.pseudocolor == "grayscale":
        blue_first = config.blue_first and color != "grayscale"
        return header.model_copy(update={"pseudocolor": color, "blue_first": blue_first})
    if header.pseudocolor != color or config.blue_first > header.blue_first:
        raise UserError(
            f"{header.name} has learnt B-scans in {header.colors}: "
            f"set pseudocolor to {header.colors}, or leave it out."
        )
    return header


def weights_to_keep(
    weights: Mapping[str, Tensor], config: TrainConfig, record: AdapterRecord | None
) -> Mapping[str, Tensor]:
    """Return what the checkpoint of a network's state dict holds.

    Adapters and the mask decoder where there is a `record`, else the whole network, with the
    adapters merged into it.

    Parameters
    ----------
    record
        From `adapter_record`, which reads the base's file.
    """
    if config.adapts != "lora":
        return weights
    if record is not None:
        return adapter_weights(weights)
    return joined(weights, config.lora_alpha / config.lora_rank)


def thaw(network: Any, config: TrainConfig) -> list[nn.Parameter]:
    """Let the gradient reach what is trained, and only that; put in adapters to train."""
    prefixes = {
        "decoder": ("mask_decoder.",),
        "decoder and prompts": ("mask_decoder.", "prompt_encoder."),
        "lora": ("mask_decoder.",),
        "everything": ("",),
    }[config.adapts]
    network.requires_grad_(False)
    trained: list[nn.Parameter] = []
    if config.adapts == "lora":
        trained += add_adapters(network, config.lora_rank, config.lora_alpha, config.seed)
    for name, parameter in network.named_parameters():
        if name.startswith(prefixes):
            trained.append(parameter)
    for parameter in trained:
        parameter.requires_grad_(True)
    return trained


def frozen_hash(network: Any) -> str:
    """Return a hash of the weights that are not trained."""
    content = hashlib.sha256()
    parameters = dict(network.named_parameters())
    encoder = {name for name in parameters if name.startswith(network.encoder_prefixes)}
    if not any(parameters[name].requires_grad for name in encoder):
        content.update(encoder_hash(network).encode())  # the embeddings' keys need it too
        parameters = {name: each for name, each in parameters.items() if name not in encoder}
    for name, parameter in parameters.items():
        if not parameter.requires_grad:
            content.update(name.encode())
            content.update(parameter.detach().cpu().contiguous().numpy().data)
    return content.hexdigest()


def gradient_scaler(model: Model, config: TrainConfig) -> torch.amp.GradScaler:
    """Return what keeps small gradients from vanishing in float16; elsewhere it does nothing."""
    needed = model.precision == "float16" and not config.freezes_encoder
    scaler = torch.amp.GradScaler(model.device.type, enabled=needed)
    if needed:  # a process without a B-scan in its first step scales no loss, but unscales
        scaler.scale(torch.zeros((), device=model.device))
    return scaler
