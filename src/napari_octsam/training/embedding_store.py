"""Embeddings for training: made once, kept in memory while there is room, and on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.models.embeddings import (
    EmbeddingCache,
    RecentEmbeddings,
    embedding_form,
    embedding_key,
)
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding

__all__ = ["EmbeddingStore"]

_MEMORY_BYTES = 2 << 30
_DISK_BYTES = 64 << 30


class EmbeddingStore:
    """What a model's encoder makes of B-scans.

    Parameters
    ----------
    model
        Whose encoder stays as it is.
    folder
        For what memory has no room for; it never takes more than half of what the disk has free.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        self._model = model
        self._recent = RecentEmbeddings(_MEMORY_BYTES)
        self._disk = EmbeddingCache(folder, min(_DISK_BYTES, _free_bytes(folder) // 2))

    def embedding(self, grey: npt.NDArray[np.uint8]) -> Embedding:
        """Return the embedding of an (H, W) B-scan, encoding it where it is new."""
        key = embedding_key(self._model, grey)
        found = self._recent.get(key) or self._disk.get(key, embedding_form(self._model, grey))
        if found is None:
            found = self._model.encode(grey).to("cpu")
            self._disk.put(key, found)
        self._recent.put(key, found)
        return found


def _free_bytes(folder: Path) -> int:
    """Return what the disk has free, with what the files of a folder take as if they were gone."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    taken = sum(path.stat().st_size for path in folder.glob("*"))
    return shutil.disk_usage(there).free + taken
