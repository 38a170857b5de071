"""Fixtures that several tests need."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.steered import Jobs


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of octsam-tiny with random weights."""
    import torch

    from napari_octsam.models.checkpoints.save import save_checkpoint
    from napari_octsam.models.header import Header
    from napari_octsam.models.tiny.network import TinyNetwork

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "random-tiny.safetensors"
    header = Header(name="random tiny", architecture="octsam-tiny", profile="octsam-tiny")
    save_checkpoint(path, TinyNetwork(), header)
    return path


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Jobs:
    """Stands in for the processes of all trainings."""
    from napari_octsam.gui.learning.training import Training
    from napari_octsam.gui.session import session

    jobs = Jobs()
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path / "own"))
    monkeypatch.setattr(session, "Training", lambda main: Training(main, jobs))
    return jobs
