"""What all tests of training take for granted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from napari_octsam.training.run import recording


@pytest.fixture(autouse=True)
def writing_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no busy machine put off what a run writes at the end of an epoch."""
    monkeypatch.setattr(recording, "time", SimpleNamespace(monotonic=lambda: 0.0))
