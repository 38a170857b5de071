"""True masks at the size that a loss is computed at, labelled once."""

from __future__ import annotations

import hashlib
import sys
import threading
import warnings
from collections import OrderedDict

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from napari_octsam.core.images import times
from napari_octsam.topology.persistence.pairs import Connectivity
from napari_octsam.topology.persistence.truth import TrueTopology, true_topology

__all__ = ["TopologyWarning", "TruthCache", "resize_maps"]

_CACHE_BYTES = 256 << 20
_OURS = ("napari_octsam.topology.", "torch.")  # modules between a loss and who called it


class TopologyWarning(UserWarning):
    """Something about a truth that makes a loss see another topology than the mask has."""


class TruthCache:
    """Labelled truths by content, since a training sees the same ones in every epoch.

    Parameters
    ----------
    connectivity
        Of the foreground.
    max_bytes
        Most bytes of labels to keep.
    """

    def __init__(self, connectivity: Connectivity, max_bytes: int = _CACHE_BYTES) -> None:
        self._connectivity = connectivity
        self._max_bytes = max_bytes
        self._bytes = 0
        self._found: OrderedDict[bytes, TrueTopology] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[Connectivity, int]:
        return self._connectivity, self._max_bytes

    def __setstate__(self, state: tuple[Connectivity, int]) -> None:
        TruthCache.__init__(self, *state)

    def topology(
        self, mask: npt.NDArray[np.bool_], size: tuple[int, int], name: str
    ) -> TrueTopology:
        """Return the topology of a mask at a size.

        Warns
        -----
        TopologyWarning
            Where resizing changes its Betti numbers, the first time that the mask is seen.
        """
        content = np.packbits(mask).tobytes()
        shape = np.array([*mask.shape, *size], np.int64).tobytes()
        key = hashlib.blake2b(content + shape, digest_size=16).digest()
        with self._lock:
            if found := self._found.get(key):
                self._found.move_to_end(key)
                return found
        found = self._label(mask, size, name)
        with self._lock:
            if key not in self._found:
                self._bytes += found.labels.nbytes
            self._found[key] = found
            while self._bytes > self._max_bytes and len(self._found) > 1:
                _, oldest = self._found.popitem(last=False)
                self._bytes -= oldest.labels.nbytes
        return found

    def _label(self, mask: npt.NDArray[np.bool_], size: tuple[int, int], name: str) -> TrueTopology:
        own = true_topology(mask, self._connectivity)
        if mask.shape == size:
            return own
        found = true_topology(_shrunk(mask, size), self._connectivity)
        if found.betti != own.betti:
            warnings.warn(
                f"{name}: at {times(size)} pixels the true mask has {found.betti}, "
                f"at its own {times(mask.shape)} it has {own.betti}. Compute the topology "
                "loss at a higher resolution.",
                TopologyWarning,
                stacklevel=_callers_level(),
            )
        return found


def _shrunk(mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Resize an (H, W) mask as predictions are, and cut it at one half."""
    soft = resize_maps(torch.from_numpy(mask)[None].float(), size)[0]
    half: npt.NDArray[np.bool_] = (soft >= 0.5).numpy()
    return half


def resize_maps(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Resize (M, H, W) maps: bilinear, with a filter against aliasing."""
    return F.interpolate(maps[None], size, mode="bilinear", align_corners=False, antialias=True)[0]


def _callers_level() -> int:
    """Return the stack level of the line that called the loss, for a warning to point at."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals["__name__"].startswith(_OURS):
        level, frame = level + 1, frame.f_back
    return level
