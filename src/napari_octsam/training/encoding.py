"""What the image encoder makes of B-scans: kept where it stays as it is, else made each time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from napari_octsam.core.config import TrainConfig
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding, Features
from napari_octsam.training.distributed import Workers
from napari_octsam.training.embedding_store import EmbeddingStore
from napari_octsam.training.events import Encoded
from napari_octsam.training.views import BScanView

__all__ = ["Encoding", "cut_off", "pass_on"]


class Encoding:
    """The encoder of a run's model.

    Parameters
    ----------
    model
        That is trained.
    config
        All settings.
    folder
        For embeddings that memory has no room for.
    workers
        The processes that share the run.
    """

    def __init__(self, model: Model, config: TrainConfig, folder: Path, workers: Workers) -> None:
        self._model = model
        self._workers = workers
        self._store = EmbeddingStore(model, folder) if config.freezes_encoder else None

    def prepare(self, images: Iterable[npt.NDArray[np.uint8]], total: int) -> Iterator[Encoded]:
        """Encode (H, W) images once for all, where the encoder stays as it is.

        Parameters
        ----------
        images
            Taken as they are needed: memory need not hold them all.
        total
            Number of them.
        """
        if self._store is None:
            return
        left, done = iter(images), 0
        while batch := list(islice(left, self._workers.size)):
            for image in self._workers.share(batch):
                self._store.embedding(image)
            done += len(batch)
            yield Encoded(done, total)
        self._workers.wait()

    def embedding(self, grey: npt.NDArray[np.uint8]) -> Embedding:
        """Return the embedding of an (H, W) B-scan, to look at and not to learn from."""
        return self._model.encode(grey) if self._store is None else self._store.embedding(grey)

    def features(self, view: BScanView) -> Features:
        """Return the features of a view to learn from, on the model's device."""
        if self._store is None:
            return self._model.features(view.image)
        embedding = self._store.embedding(view.image).to(self._model.device)
        return {name: part.clone() for name, part in embedding.features.items()}


def cut_off(features: Features) -> Features:
    """Return features at which a gradient gathers instead of going on into the encoder."""
    return {
        name: part.detach().requires_grad_(part.requires_grad) for name, part in features.items()
    }


def pass_on(gathered: Features, features: Features) -> None:
    """Let the gradient that gathered at what `cut_off` returned go on, once for all groups."""
    reached = [(features[n], leaf.grad) for n, leaf in gathered.items() if leaf.grad is not None]
    if reached:
        parts, gradients = zip(*reached, strict=True)
        torch.autograd.backward(parts, gradients)
