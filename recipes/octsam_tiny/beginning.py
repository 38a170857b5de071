"""The weights that a training begins from: those of an earlier version, or random ones."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import torch
from safetensors.torch import load

from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.checkpoints.recognise import check_weights, recognise
from napari_octsam.models.header import Header
from napari_octsam.models.model import Model
from napari_octsam.models.tiny.network import TinyNetwork
from recipes.octsam_tiny.recipe import FIRST_RUN, read_recipe

__all__ = ["BEFORE", "BUNDLED", "begun_network", "file_of_blob", "model_of"]

BEFORE = "octsam-tiny-4"
"""Name of the version that the first run began from."""

BUNDLED = Path(__file__).parents[2] / "src/napari_octsam/models/weights/octsam-tiny.safetensors"
"""The weights that ship, of whichever version."""


def begun_network(blob: str | None, bundled: Path = BUNDLED) -> TinyNetwork:
    """Return a network with the weights of a file, by git's id of it; random ones for None.

    What the network has learnt to have since begins at zero.

    Raises
    ------
    UserError
        The file is not here, or its weights are not those of the network.
    """
    network = TinyNetwork()
    if blob is None:
        return network
    source = f"File {blob}"
    weights = recognise(load(file_of_blob(blob, bundled)), source)
    check_weights(weights, source)
    network.load_state_dict(weights.state_dict)
    return network


def model_of(name: str) -> Model:
    """Return the version `BEFORE`, a registered model, or that of a file, to be judged on a CPU.

    Raises
    ------
    UserError
        There is none.
    """
    if name != BEFORE:
        return load_model(name, device="cpu", precision="float32")
    network = begun_network(read_recipe(FIRST_RUN).begin_from).eval().requires_grad_(False)
    header = Header(name=BEFORE, architecture="octsam-tiny", profile="octsam-tiny")
    return Model(network, header, torch.device("cpu"))


def file_of_blob(blob: str, bundled: Path = BUNDLED) -> bytes:
    """Return the content of a file by git's id of it: the bundled weights, or older ones.

    Raises
    ------
    UserError
        The bundled weights are others, and git does not know the id.
    """
    content = bundled.read_bytes()
    if _blob_of(content) == blob:
        return content
    command = ["git", "-C", str(bundled.parent), "cat-file", "blob", blob]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"The weights to begin from are not here: {bundled} is another version, and git has "
            f"no file {blob}. Clone the whole repository, and train there."
        ) from error


def _blob_of(content: bytes) -> str:
    """Return git's id of a file's content."""
    whole = b"blob %d\0" % len(content) + content
    return hashlib.sha1(whole, usedforsecurity=False).hexdigest()
