"""From weights to a file: this package's format, or transformers'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from napari_octsam.core.errors import UserError
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.files import write_pickle, write_safetensors
from napari_octsam.models.checkpoints.renaming import to_library
from napari_octsam.models.header import HEADER_KEY, Header
from napari_octsam.models.network import Network

__all__ = ["save_checkpoint", "write_transformers"]


def save_checkpoint(path: Path, weights: Network | Mapping[str, Tensor], header: Header) -> None:
    """Write a network or its state dict as safetensors with a header.

    Raises
    ------
    UserError
        The file cannot be written; what stood there stays.
    """
    state = weights if isinstance(weights, Mapping) else weights.state_dict()
    write_safetensors(Path(path), state, {HEADER_KEY: header.model_dump_json()})


def write_transformers(path: Path, state_dict: Mapping[str, Tensor], architecture: str) -> None:
    """Write weights as the state dict of transformers' `SamModel`.

    Parameters
    ----------
    path
        Safetensors where it ends so, else what `torch.save` writes.
    state_dict
        Under this package's names.
    architecture
        Name of the network that they belong to.

    Raises
    ------
    UserError
        transformers has no such architecture, or the file cannot be written.
    """
    libraries = {names.library: names for names in ARCHITECTURES[architecture].names}
    if "transformers" not in libraries:
        raise UserError(f"transformers has no {architecture}: convert it to octsam's format only.")
    renamed = to_library(state_dict, libraries["transformers"])
    path = Path(path)
    if path.suffix == ".safetensors":
        write_safetensors(path, renamed, {})
    else:
        write_pickle(path, renamed)
