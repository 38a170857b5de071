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


def test_what_a_network_has_learnt_to_have_since_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    weights = {name: torch.full_like(w, 2.0) for name, w in TinyNetwork().state_dict().items()}
    missing = next(iter(weights))
    save_file({name: w.half() for name, w in weights.items() if name != missing}, path)
    begun = begun_network(id_of(path), path).state_dict()
    assert not begun.pop(missing).any()
    assert all((weight == 2).all() for weight in begun.values())


def test_weights_that_the_network_lacks_are_named(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"elsewhere.weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match=r"have elsewhere\.weight, which the network lacks"):
        begun_network(id_of(path), path)
