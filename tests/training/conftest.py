"""What all tests of training take for granted."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.training.run import recording
from tests.small_runs import HEADER, call_it_tiny, small_model


@pytest.fixture(autouse=True)
def writing_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine put off what a run writes at the end of an epoch."""
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def small_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of a small network, which octsam-tiny means in this test."""
    call_it_tiny(monkeypatch)
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, small_model().network, HEADER)
    return path
