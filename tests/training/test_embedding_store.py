"""What training keeps of the encoder's work: no more than the disk has room for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_octsam.training.embedding_store import EmbeddingStore
from tests.small_runs import bscans, small_model


def test_embeddings_leave_half_of_the_disk_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, folder = small_model(), tmp_path / "run" / "embeddings"
    images = [bscan.image for bscan in bscans(6)]
    size = EmbeddingStore(model, folder).embedding(images[0]).nbytes
    file = next(folder.iterdir()).stat().st_size

    def little(_: Path) -> shutil._ntuple_diskusage:
        return shutil._ntuple_diskusage(99 * size, 94 * size, 5 * size)

    monkeypatch.setattr(shutil, "disk_usage", little)
    store = EmbeddingStore(model, folder)
    for image in images:
        assert store.embedding(image).nbytes == size
    taken = sum(path.stat().st_size for path in folder.iterdir())
    assert file <= taken <= (5 * size + file) // 2
