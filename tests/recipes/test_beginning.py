"""What octsam-tiny's training begins from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_octsam.core.errors import UserError
from napari_octsam.models.tiny.network import TinyNetwork
from recipes.octsam_tiny.beginning import BUNDLED, begun_network, file_of_blob


def id_of(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_the_bundled_weights_are_what_a_training_begins_from() -> None:
    assert file_of_blob(id_of(BUNDLED)) == BUNDLED.read_bytes()


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "octsam-tiny.safetensors"
    other.write_bytes(b"other weights")
    with pytest.raises(UserError, match="is another version, and git has no file 0123"):
        file_of_blob("0123456789" * 4, other)


def saved(path: Path, *without: str) -> Path:
    """Save weights of 2 to a file, without some."""
    weights = {name: torch.full_like(w, 2.0) for name, w in TinyNetwork().state_dict().items()}
    save_file({name: w.half() for name, w in weights.items() if name not in without}, path)
    return path


def test_what_a_network_has_learnt_to_have_since_begins_at_zero(tmp_path: Path) -> None:
    since = ("mask_decoder.asked", "mask_decoder.asked_weights")
    path = saved(tmp_path / "old.safetensors", *since)
    begun = begun_network(id_of(path), path).state_dict()
    assert not any(begun.pop(name).any() for name in since)
    assert all((weight == 2).all() for weight in begun.values())


def test_a_weight_that_the_file_lacks_is_named(tmp_path: Path) -> None:
    missing = "mask_decoder.pixel_names.heads.fluid.bias"
    path = saved(tmp_path / "part.safetensors", missing)
    with pytest.raises(UserError, match=f"1 weight is missing: {missing}"):
        begun_network(id_of(path), path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"elsewhere.weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match=r"holds other weights, such as elsewhere\.weight"):
        begun_network(id_of(path), path)
