"""Checkpoints: recognised, checked, loaded, saved, converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.adapter_files import base_file, holds_adapters, join
from napari_octsam.models.checkpoints.build import build_network
from napari_octsam.models.checkpoints.conversion import to_transformers
from napari_octsam.models.checkpoints.file_header import (
    check_architecture,
    checked_profile,
    guessed_header,
    own_header,
)
from napari_octsam.models.checkpoints.recognition import (
    Weights,
    check_weights,
    recognise,
    state_dict_of,
)
from napari_octsam.models.checkpoints.registry import REGISTRY, local_path
from napari_octsam.models.checkpoints.weights_file import (
    read_weights,
    write_pickle,
    write_safetensors,
)
from napari_octsam.models.devices import choose_device, explaining_memory
from napari_octsam.models.header import HEADER_KEY, Architecture, Header
from napari_octsam.models.model import EncodeProgress, Model
from napari_octsam.models.network import Network
from napari_octsam.models.precision import check_precision, choose_precision

__all__ = ["Checkpoint", "load_model", "read_checkpoint", "save_checkpoint", "write_transformers"]


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
    state_dict: dict[str, torch.Tensor]
    note: str = ""


def read_checkpoint(
    path: str | Path, profile: str | None = None, base: str | Path | None = None
) -> Checkpoint:
    """Read a checkpoint of any known kind and say what it is.

    Known are segment_anything's state dicts of vit_b, vit_l and vit_h, also MedSAM's;
    transformers' `SamModel`; this package's safetensors with a header; low-rank adapters, this
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

    Raises
    ------
    UserError
        The file cannot be read or is no such checkpoint, the profile does not fit it, or the
        base is not there or another.
    """
    path = Path(path)
    content, metadata = read_weights(path)
    state = state_dict_of(content, str(path))
    if holds_adapters(state):
        return _with_profile(_on_base(path, state, metadata, base), profile)
    weights = recognise(state, str(path))
    check_weights(weights, str(path))
    header = own_header(path, metadata)
    if header is not None:
        check_architecture(path, header, weights.architecture)
        return _with_profile(Checkpoint(header, weights.state_dict), profile)
    header, note = guessed_header(path, weights)
    note = note if profile is None else ""
    return _with_profile(Checkpoint(header, weights.state_dict, note), profile)


def load_model(
    name_or_path: str | Path,
    profile: str | None = None,
    device: str = "auto",
    on_check: EncodeProgress | None = None,
    precision: str = "auto",
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

    Raises
    ------
    UserError
        The model is not downloaded, the checkpoint is no good, the device is not there or does
        not have the precision, or memory ran out.
    """
    torch_device = choose_device(device)
    check_precision(precision, torch_device)
    checkpoint = read_checkpoint(_path_of(name_or_path), profile)
    header = checkpoint.header
    if str(name_or_path) in REGISTRY:
        header = header.model_copy(update={"name": str(name_or_path)})
    with explaining_memory(torch_device):
        network = build_network(header.architecture, checkpoint.state_dict, torch_device)
    if precision == "auto":
        precision = choose_precision(network, header, torch_device, on_check)
    return Model(network, header, torch_device, precision, checkpoint.note)


def save_checkpoint(
    path: Path, weights: Network | Mapping[str, torch.Tensor], header: Header
) -> None:
    """Write a network or its state dict as safetensors with a header.

    Raises
    ------
    UserError
        The file cannot be written; what stood there stays.
    """
    state = weights if isinstance(weights, Mapping) else weights.state_dict()
    write_safetensors(Path(path), state, {HEADER_KEY: header.model_dump_json()})


def write_transformers(
    path: Path, state_dict: Mapping[str, torch.Tensor], architecture: Architecture
) -> None:
    """Write weights as the state dict of transformers' `SamModel`.

    Parameters
    ----------
    path
        Safetensors where it ends so, else what `torch.save` writes.
    state_dict
        Under segment_anything's names.

    Raises
    ------
    UserError
        transformers has no such architecture, or the file cannot be written.
    """
    if architecture == "octsam-tiny":
        raise UserError("transformers has no octsam-tiny: convert it to octsam's format only.")
    path = Path(path)
    if path.suffix == ".safetensors":
        write_safetensors(path, to_transformers(state_dict), {})
    else:
        write_pickle(path, to_transformers(state_dict))


def _path_of(name_or_path: str | Path) -> Path:
    name = str(name_or_path)
    if name not in REGISTRY:
        file = Path(name_or_path)
        if not file.exists():
            known = ", ".join(REGISTRY)
            raise UserError(
                f"There is no checkpoint {file}, and no model of that name: there are {known}."
            )
        return file
    path = local_path(name)
    if path is None:
        raise UserError(f"The model {name} is not on this machine yet: download it first.")
    return path


def _with_profile(checkpoint: Checkpoint, profile: str | None) -> Checkpoint:
    if profile is None:
        return checkpoint
    chosen = checked_profile(profile, checkpoint.header)
    header = checkpoint.header.model_copy(update={"profile": chosen})
    return replace(checkpoint, header=header)


def _on_base(
    path: Path,
    state: Mapping[str, torch.Tensor],
    metadata: Mapping[str, str],
    named: str | Path | None,
) -> Checkpoint:
    """Merge a file of adapters into its base, which is `named` or found."""
    own = own_header(path, metadata)
    record = None if own is None else own.adapter
    if own is not None and record is None:
        raise UserError(f"The header of {path} does not say which model its adapters go on.")
    file = base_file(path, state, record, None if named is None else _path_of(named))
    base = read_checkpoint(file)
    joined, note = join(path, state, base.state_dict, record)
    weights = Weights(base.header.architecture, joined)
    check_weights(weights, str(path))
    if own is None:
        others: dict[str, object] = {"name": path.stem, "label_schema": None, "training": {}}
        header = base.header.model_copy(update=others)
        return Checkpoint(
            header, joined, f"{path.name} was taken for adapters of SAMed, on {file.name}.{note}"
        )
    check_architecture(path, own, weights.architecture)
    return Checkpoint(own.model_copy(update={"adapter": None}), joined)
