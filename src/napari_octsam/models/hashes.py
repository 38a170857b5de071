"""A hash of weights, however they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

__all__ = ["tensor_hash", "weights_hash"]


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values; their order counts for nothing."""
    names = sorted(weights)
    with ThreadPoolExecutor() as pool:  # hashlib lets the GIL go
        digests = pool.map(lambda name: tensor_hash(weights[name]), names)
    parts = [f"{name}:{digest}" for name, digest in zip(names, digests, strict=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def tensor_hash(tensor: Tensor) -> str:
    """Return the SHA-256 of a tensor's values, with its type and shape."""
    values = tensor.detach().cpu().contiguous()
    content = values.flatten().view(torch.uint8).numpy().data
    return f"{hashlib.sha256(content).hexdigest()} {values.dtype} {tuple(values.shape)}"
