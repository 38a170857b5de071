"""Fixtures that several tests need."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of octsam-tiny with random weights."""
    import torch

    from napari_octsam.models.checkpoints import save_checkpoint
    from napari_octsam.models.header import Header
    from napari_octsam.models.tiny import TinyNetwork

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "random-tiny.safetensors"
    header = Header(name="random tiny", architecture="octsam-tiny", profile="octsam-tiny")
    save_checkpoint(path, TinyNetwork(), header)
    return path
