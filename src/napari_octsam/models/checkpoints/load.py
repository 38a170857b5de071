"""From a file to a model, step by step: read, recognised, checked, given its header, built."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import MODELS_ELSEWHERE
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing
from napari_octsam.models.architecture import OWN
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.adapters import base_file, holds_adapters, join
from napari_octsam.models.checkpoints.colors import Colors, check_named_colors, with_colors
from napari_octsam.models.checkpoints.files import read_weights
from napari_octsam.models.checkpoints.headers import (
    check_header,
    guessed_header,
    own_header,
    with_profile,
)
from napari_octsam.models.checkpoints.recognise import (
    Weights,
    built,
    check_weights,
    recognise,
    state_dict_of,
)
from napari_octsam.models.checkpoints.registry import REGISTRY, local_path
from napari_octsam.models.devices import choose_device, explaining_memory
from napari_octsam.models.header import Header
from napari_octsam.models.model import EncodeProgress, Model
from napari_octsam.models.network import Network
from napari_octsam.models.precision import check_precision, choose_precision

__all__ = ["Checkpoint", "build_network", "load_model", "read_checkpoint"]

_MEDSAM = "wanglab/medsam-vit-base"


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a checkpoint file holds.

    Parameters
    ----------
    header
        From the file, or from recognition where the file has none.
    state_dict
        Complete and checked, under this package's names; tensors may be mapped from the file.
    note
        A sentence that the person should read (what was guessed), or "".
    """

    header: Header
    state_dict: dict[str, Tensor]
    note: str = ""


def load_model(
    name_or_path: str | Path,
    profile: str | None = None,
    device: str = "auto",
    on_check: EncodeProgress | None = None,
    precision: str = "auto",
    colors: Colors | None = None,
) -> Model:
    """Load a registered model that is on this machine, or a checkpoint file.

    Parameters
    ----------
    name_or_path
        Name in `REGISTRY`, or path.
    profile
        Preprocessing to use instead of the one that the checkpoint suggests.
    device
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    on_check
        Told of the blocks of the encoder that a check of its precision has run, where these
        weights are new to this machine and one is made.
    precision
        Of the encoder: "auto" for `choose_precision`'s, "float32", "bfloat16" or "float16".
    colors
        In which it sees a B-scan, instead of what the checkpoint says.

    Raises
    ------
    UserError
        The model is not downloaded, the checkpoint is no good, the device is not there or does
        not have the precision, or memory ran out.
    """
    torch_device = choose_device(device)
    check_precision(precision, torch_device)
    checkpoint = read_checkpoint(_file_of(name_or_path), profile, colors=colors)
    header = checkpoint.header
    if str(name_or_path) in REGISTRY:
        header = header.model_copy(update={"name": str(name_or_path)})
    with explaining_memory(torch_device):
        network = build_network(
            header.architecture, checkpoint.state_dict, torch_device, header.own_schemas
        )
    if precision == "auto":
        precision = choose_precision(network, header, torch_device, on_check)
    return Model(network, header, torch_device, precision, checkpoint.note)


def read_checkpoint(
    path: str | Path,
    profile: str | None = None,
    base: str | Path | None = None,
    colors: Colors | None = None,
) -> Checkpoint:
    """Read a checkpoint of any known kind and say what it is.

    Known are state dicts of the networks in `ARCHITECTURES`: this package's safetensors with a
    header, segment_anything's, also MedSAM's, and transformers'; low-rank adapters, this
    package's and SAMed's, which are merged into their base. No code in the file is run.

    Parameters
    ----------
    path
        The file.
    profile
        Preprocessing to use instead of the one that the checkpoint suggests.
    base
        Of adapters: the registered model or the checkpoint that they go on, where it is not
        found by itself.
    colors
        In which it sees a B-scan, instead of what the checkpoint says.

    Raises
    ------
    UserError
        The file cannot be read or is no such checkpoint, the profile or the colours do not fit it,
        its name asks for colours, or the base is not there or another.
    """
    path = Path(path)
    content, metadata = read_weights(path)
    state = state_dict_of(content, str(path))
    own = own_header(path, metadata)
    if holds_adapters(state):
        weights, header, note = _on_base(path, state, own, base)
    else:
        weights = recognise(state, str(path))
        header, guessed = guessed_header(path, weights)
        note = guessed if profile is None else ""
    if own is not None:
        check_header(path, own, weights)
    check_weights(weights, str(path), (own or header).own_schemas)
    if own is not None:
        header, note = own.model_copy(update={"adapter": None}), ""
    if profile is not None:
        header = with_profile(header, profile)
    if colors is not None:
        header = with_colors(header, colors)
    elif own is None:
        check_named_colors(path, header)
    return Checkpoint(header, weights.state_dict, note)


def build_network(
    architecture: str,
    state_dict: Mapping[str, Tensor],
    device: torch.device | str = "cpu",
    own: Sequence[LabelSchema] = (),
) -> Network:
    """Build a network with these weights, ready for inference, without initialising it first.

    The weights are copied to the device, so the file that they are mapped from may go.

    Parameters
    ----------
    own
        Schemas that were learnt beside those of the architecture.
    """
    with torch.device("meta"):
        network: Any = built(ARCHITECTURES[architecture], own)  # an nn.Module too
    network.to_empty(device=torch.device(device)).load_state_dict(state_dict)
    return network.eval().requires_grad_(False)  # type: ignore[no-any-return]


def _file_of(name_or_path: str | Path) -> Path:
    name = MODELS_ELSEWHERE.get(str(name_or_path), str(name_or_path))
    if name in REGISTRY:
        path = local_path(name)
        if path is None:
            raise UserError(f"The model {name} is not on this machine yet: download it first.")
        return path
    path = Path(name_or_path)
    if not os.path.exists(path):  # noqa: PTH110  (Path's own raises where a name is too long)
        if _MEDSAM in name:
            raise UserError(
                f"{_MEDSAM} is not downloaded by its name: get medsam_vit_b.pth from MedSAM's "
                "page, and give its path."
            )
        known = ", ".join(REGISTRY)
        told = missing(path, "checkpoint").removesuffix(".")
        raise UserError(f"{told}, and no model of that name: there are {known}.")
    return path


def _on_base(
    path: Path, state: Mapping[str, Tensor], own: Header | None, named: str | Path | None
) -> tuple[Weights, Header, str]:
    """Merge a file of adapters into its base, which is `named` or found.

    The header is the base's, and the note says so: what holds where the adapters have none.
    """
    record = None if own is None else own.adapter
    if own is not None and record is None:
        raise UserError(f"The header of {path} does not say which model its adapters go on.")
    file = base_file(path, state, record, None if named is None else _file_of(named))
    base = read_checkpoint(file)
    merged, left_out = join(path, state, base.state_dict, record)
    weights = Weights(ARCHITECTURES[base.header.architecture], OWN, merged)
    header = base.header.model_copy(
        update={"name": path.stem, "label_schema": None, "training": {}}
    )
    note = f"{path.name} was taken for adapters of SAMed, on {file.name}.{left_out}"
    return weights, header, note
