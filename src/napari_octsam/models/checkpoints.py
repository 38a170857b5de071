"""Checkpoints: recognised, checked, loaded, saved, converted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError

from napari_octsam.core.errors import UserError
from napari_octsam.models.build import build_network
from napari_octsam.models.conversion import to_transformers
from napari_octsam.models.devices import choose_device, explaining_memory
from napari_octsam.models.header import HEADER_KEY, Architecture, Header, Profile, profiles_of
from napari_octsam.models.network import Network
from napari_octsam.models.precision import choose_precision
from napari_octsam.models.recognition import Weights, check_weights, recognise
from napari_octsam.models.registry import REGISTRY, local_path
from napari_octsam.models.sam import EncodeProgress, Model
from napari_octsam.models.weights_file import read_weights, write_pickle, write_safetensors

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


def read_checkpoint(path: str | Path, profile: str | None = None) -> Checkpoint:
    """Read a checkpoint of any known kind and say what it is.

    Known are segment_anything's state dicts of vit_b, vit_l and vit_h, also MedSAM's;
    transformers' `SamModel`; and this package's safetensors with a header. No code in the file
    is run.

    Parameters
    ----------
    path
        The file.
    profile
        Preprocessing to use instead of the one that the checkpoint suggests.

    Raises
    ------
    UserError
        The file cannot be read or is no such checkpoint, or the profile does not fit it.
    """
    path = Path(path)
    content, metadata = read_weights(path)
    weights = recognise(content, str(path))
    check_weights(weights, str(path))
    header, note = _header(path, weights, metadata)
    if profile is not None:
        header, note = header.model_copy(update={"profile": _checked(profile, header)}), ""
    return Checkpoint(header, weights.state_dict, note)


def load_model(
    name_or_path: str | Path,
    profile: str | None = None,
    device: str = "auto",
    on_check: EncodeProgress | None = None,
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

    Raises
    ------
    UserError
        The model is not downloaded, the checkpoint is no good, the device is not there, or
        memory ran out.
    """
    torch_device = choose_device(device)
    checkpoint = read_checkpoint(_path_of(name_or_path), profile)
    header = checkpoint.header
    if str(name_or_path) in REGISTRY:
        header = header.model_copy(update={"name": str(name_or_path)})
    with explaining_memory(torch_device):
        network = build_network(header.architecture, checkpoint.state_dict, torch_device)
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


def _header(path: Path, weights: Weights, metadata: Mapping[str, str]) -> tuple[Header, str]:
    """Return the file's own header, or one from recognition with a note on what was guessed."""
    if HEADER_KEY in metadata:
        return _own_header(path, weights, metadata[HEADER_KEY]), ""
    architecture = weights.architecture
    if architecture == "octsam-tiny":
        return Header(name=path.stem, architecture=architecture, profile="octsam-tiny"), ""
    medsam = "medsam" in path.name.casefold() and not weights.from_transformers
    header = Header(
        name=path.stem,
        architecture=architecture,
        profile="medsam" if medsam else "sam",
        single_mask=medsam or weights.from_transformers,
    )
    if medsam:
        return header, (
            f"{path.name} was taken for MedSAM because of its name, and is fed MedSAM's "
            "preprocessing: choose the preprocessing sam if that is wrong."
        )
    if weights.from_transformers:
        return header, (
            f"{path.name} was saved by transformers and taken for a model fine-tuned to one mask "
            "an object, so its other candidates are never shown first."
        )
    return header, ""


def _own_header(path: Path, weights: Weights, text: str) -> Header:
    try:
        header = Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "header"
        raise UserError(f"The header of {path} cannot be read: {where}: {first['msg']}.") from error
    if header.architecture != weights.architecture:
        raise UserError(
            f"The header of {path} says {header.architecture}, "
            f"but its weights are those of {weights.architecture}."
        )
    try:
        _checked(header.profile, header)
    except UserError as error:
        raise UserError(f"The header of {path} is wrong: {error}") from error
    return header


def _checked(profile: str, header: Header) -> Profile:
    """Return a profile that the person chose, if the architecture can take it."""
    fitting = profiles_of(header.architecture)
    for known in fitting:
        if profile == known:
            return known
    raise UserError(
        f"The preprocessing '{profile}' does not fit {header.architecture}: "
        f"use {' or '.join(fitting)}."
    )
