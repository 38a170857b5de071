"""Embeddings kept for later: the key that names one, the recent ones, those on the disk."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.core.folders import make_private
from napari_octsam.models.hashes import tensor_hash, weights_hash
from napari_octsam.models.network import Embedding, Network

if TYPE_CHECKING:
    from napari_octsam.models.model import Model

__all__ = [
    "EmbeddingCache",
    "EmbeddingForm",
    "RecentEmbeddings",
    "embedding_form",
    "embedding_key",
    "encoder_hash",
    "forget_encoder_hash",
]

_KEY, _HASH = "key", "sha256"  # in the metadata of a file
_MOST_HEADER = 1 << 16  # bytes of a file beside the features
_SUFFIX = ".safetensors"
_MAKING = 1  # counts changes of code that make other embeddings of the same pixels and weights
_STALE = 3600.0  # seconds after which a temporary file was left by a crash
_FULL = 0.9  # share of the cap that is left once it was passed: not every embedding has to sweep

_encoder_hashes: WeakKeyDictionary[Network, str] = WeakKeyDictionary()
_log = logging.getLogger(__name__)


def embedding_key(model: Model, grey: npt.NDArray[np.uint8]) -> str:
    """Return the name of the embedding that a model makes of an (H, W) uint8 B-scan.

    It depends on all that the embedding depends on (pixels, preprocessing, the image encoder's
    weights and adapters, precision) and on nothing else: fine-tuning the mask decoder keeps it.
    """
    digest = hashlib.sha256()
    header = model.header
    colors = f"{header.pseudocolor}{' bgr' if header.blue_first else ''}"
    seen = (header.profile, colors, grey.shape)
    digest.update(repr((_MAKING, model.precision, encoder_hash(model.network), *seen)).encode())
    digest.update(np.ascontiguousarray(grey).data)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class EmbeddingForm:
    """What an embedding has to be like.

    Parameters
    ----------
    features
        Name -> shape of each feature, all float32.
    shape
        Rows and columns of the B-scan.
    """

    features: Mapping[str, tuple[int, ...]]
    shape: tuple[int, int]

    @property
    def nbytes(self) -> int:
        """Bytes that the features take."""
        return sum(4 * math.prod(shape) for shape in self.features.values())

    def check(self, features: Mapping[str, Tensor]) -> None:
        """Raise ValueError where features are not of this form."""
        found = {name: tuple(feature.shape) for name, feature in features.items()}
        if found != dict(self.features):
            raise ValueError("its features are others, or of other shapes")
        if any(feature.dtype != torch.float32 for feature in features.values()):
            raise ValueError("its features are not float32")


def embedding_form(model: Model, grey: npt.NDArray[np.uint8]) -> EmbeddingForm:
    """Return what the embedding that a model makes of an (H, W) uint8 B-scan has to be like."""
    rows, cols = grey.shape
    return EmbeddingForm(model.network.feature_shapes, (rows, cols))


def encoder_hash(network: Network) -> str:
    """Return the SHA-256 of a network's image encoder; computed once for each network.

    Whoever changes the encoder afterwards has to call `forget_encoder_hash`.
    """
    if network not in _encoder_hashes:
        state = network.state_dict()
        names = [name for name in state if name.startswith(network.encoder_prefixes)]
        _encoder_hashes[network] = weights_hash({name: state[name] for name in names})
    return _encoder_hashes[network]


def forget_encoder_hash(network: Network) -> None:
    """Let the hash be computed anew, since the encoder is another now."""
    _encoder_hashes.pop(network, None)


class RecentEmbeddings:
    """The embeddings used last, in memory.

    Parameters
    ----------
    max_bytes
        Most bytes that they take together; the one used last stays, whatever its size.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._embeddings: OrderedDict[str, Embedding] = OrderedDict()

    def get(self, key: str) -> Embedding | None:
        """Return the embedding of that key, or None."""
        if key in self._embeddings:
            self._embeddings.move_to_end(key)
        return self._embeddings.get(key)

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding, and drop those unused for longest where they are too many."""
        self._embeddings[key] = embedding
        self._embeddings.move_to_end(key)
        while len(self._embeddings) > 1 and self._nbytes() > self._max_bytes:
            self._embeddings.popitem(last=False)

    def _nbytes(self) -> int:
        return sum(embedding.nbytes for embedding in self._embeddings.values())


class EmbeddingCache:
    """Embeddings in a folder, one safetensors file each, for this session and later ones.

    Several processes may share the folder: files appear whole and under their final name, and
    each may vanish at any time. A file carries its key and a hash of it and of the features: one
    that is damaged, or another's under its name, is never used. A folder that cannot be written
    turns the cache off for the session; nothing here ever fails.

    Parameters
    ----------
    folder
        Made when the first embedding is kept.
    max_bytes
        Most bytes of all files; those unused for longest go first.
    warn
        Called once, with a sentence for the person, when the cache turns off.
    """

    def __init__(
        self, folder: Path, max_bytes: int, warn: Callable[[str], object] = _log.warning
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._warn = warn
        self._on = True
        self._room = 0  # bytes that may be kept before the folder is looked at again

    def get(self, key: str, form: EmbeddingForm) -> Embedding | None:
        """Return the embedding of that key and form, its features on the CPU, or None.

        A file that is something else is deleted.
        """
        path = self._path(key)
        try:
            content = _read(path, form.nbytes + _MOST_HEADER)
        except OSError:
            return None
        try:
            features = _features(content, key)
            form.check(features)
        except (SafetensorError, LookupError, TypeError, ValueError, RecursionError) as error:
            _log.warning("deleted %s, which is not the embedding of its name: %s", path, error)
            _delete(path)
            return None
        _touch(path)
        return Embedding(features, form.shape)

    def put(self, key: str, embedding: Embedding) -> None:
        """Keep an embedding, and delete files unused for longest where they are too large.

        One that holds NaN or infinity, which no later try can mend, is not kept.
        """
        finite = (torch.isfinite(feature).all() for feature in embedding.features.values())
        if not self._on or not all(finite):
            return
        path = self._path(key)
        try:
            make_private(self._folder)
            with replacing(path) as temporary:
                self._room -= temporary.write_bytes(_to_bytes(key, embedding))
        except (OSError, UserError) as error:
            if path.exists():  # another process kept it first, and on Windows has it open
                return
            self._on = False
            self._warn(f"Embeddings are not kept on the disk for now: {error}")
            return
        if self._room < 0:
            self._room = (self._max_bytes - self._sweep()) // 2  # others may take the other half

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _sweep(self) -> int:
        """Delete what a crash left, and what is too much; return the bytes that stay."""
        whole = []
        for path, status in _files(self._folder):
            if not path.name.startswith("."):
                whole.append((path, status))
            elif time.time() - status.st_mtime > _STALE:
                _delete(path)
        total = sum(status.st_size for _, status in whole)
        most = self._max_bytes if total <= self._max_bytes else self._max_bytes * _FULL
        for path, status in sorted(whole, key=lambda file: file[1].st_mtime):
            if total <= most:
                break
            _delete(path)
            total -= status.st_size
        return total


def _to_bytes(key: str, embedding: Embedding) -> bytes:
    features = {name: feature.cpu().contiguous() for name, feature in embedding.features.items()}
    return safetensors.torch.save(features, {_KEY: key, _HASH: _hash(key, features)})


def _features(content: bytes, key: str) -> dict[str, Tensor]:
    """Return the features in a file, once it is sure that they are those of the key.

    Raises
    ------
    SafetensorError, LookupError, TypeError, ValueError, RecursionError
        They are not, or it holds none.
    """
    header = int.from_bytes(content[:8], "little")
    if header > _MOST_HEADER:
        raise ValueError("it is damaged")
    said = json.loads(content[8 : 8 + header])["__metadata__"]
    features = safetensors.torch.load(content)
    if (said[_KEY], said[_HASH]) != (key, _hash(key, features)):
        raise ValueError("it is another's, or damaged")
    return features


def _hash(key: str, features: Mapping[str, Tensor]) -> str:
    """Return what a file has to say of itself: SHA-256, 5 ms for what octsam-tiny makes."""
    parts = [f"{name}:{tensor_hash(features[name])}" for name in sorted(features)]
    return hashlib.sha256("\n".join([key, *parts]).encode()).hexdigest()


def _read(path: Path, most: int) -> bytes:
    """Return what a file holds; of one that is too large, one byte more than it may be."""
    with path.open("rb") as file:
        return file.read(most + 1)


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """Return the files of the cache that still stand, half-written ones too."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            found.append((path, path.stat()))
        except OSError:
            continue  # another process deleted it
    return found


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except OSError:
        _log.debug("cannot mark %s as used", path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        _log.debug("cannot delete %s", path)
