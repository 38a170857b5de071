"""The topology of true masks: which pixel belongs to which component or hole."""

from __future__ import annotations

import hashlib
import sys
import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage

from napari_octsam.core.images import times
from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.topology.persistence import Connectivity

__all__ = [
    "BettiNumbers",
    "TopologyWarning",
    "TrueTopology",
    "TruthCache",
    "Truths",
    "resize_maps",
    "true_topology",
]

_CACHE_BYTES = 256 << 20
_OURS = ("napari_octsam.topology.", "torch.")  # modules between a loss and who called it
_CROSS = ndimage.generate_binary_structure(2, 1)


class TopologyWarning(UserWarning):
    """Something about a truth that makes a loss see another topology than the mask has."""


class BettiNumbers(NamedTuple):
    """Betti numbers of a mask, or their errors."""

    components: int
    """b0: pieces of foreground."""
    holes: int
    """b1: pieces of background that foreground encloses."""

    def error(self, truth: BettiNumbers) -> BettiNumbers:
        """Return the absolute differences to the truth's."""
        return BettiNumbers(abs(self.components - truth.components), abs(self.holes - truth.holes))

    def __str__(self) -> str:
        return f"{self.components} components and {self.holes} holes"


@dataclass(frozen=True, slots=True, eq=False)
class TrueTopology:
    """A true mask, labelled.

    Parameters
    ----------
    labels
        (H, W) int32: k in the k-th component, -k in the k-th hole, 0 in the background that
        reaches the border.
    components, holes
        How many there are: the Betti numbers.
    """

    labels: npt.NDArray[np.int32]
    components: int
    holes: int

    @property
    def betti(self) -> BettiNumbers:
        """How many there are."""
        return BettiNumbers(self.components, self.holes)


class Truths(tuple[TrueTopology, ...]):
    """Labelled true masks of one size, M of them."""

    __slots__ = ()

    @property
    def components(self) -> npt.NDArray[np.int64]:
        """How many each has, (M,)."""
        return np.array([truth.components for truth in self])

    @property
    def holes(self) -> npt.NDArray[np.int64]:
        """How many each has, (M,)."""
        return np.array([truth.holes for truth in self])

    def labels_at(
        self, masks: npt.NDArray[np.int64], pixels: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int32]:
        """Return the labels at pixels, (n,): indices into the masks, flattened together.

        Parameters
        ----------
        masks
            (n,) number of the mask that each pixel lies in, rising.
        """
        local = pixels - masks * self[0].labels.size
        bounds = pairwise(np.searchsorted(masks, np.arange(len(self) + 1)).tolist())
        return np.concatenate(
            [
                truth.labels.take(local[start:end], mode="clip")
                for truth, (start, end) in zip(self, bounds, strict=True)
            ]
        )


def true_topology(mask: npt.NDArray[np.bool_], connectivity: Connectivity = 8) -> TrueTopology:
    """Label the components and the holes of an (H, W) mask.

    Parameters
    ----------
    connectivity
        Of the foreground; the background has the other one, so that a curve has an inside.
    """
    foreground, background = (
        (EIGHT_CONNECTED, _CROSS) if connectivity == 8 else (_CROSS, EIGHT_CONNECTED)
    )
    labels, components = ndimage.label(mask, foreground)
    gaps, count = ndimage.label(~mask, background)
    edges = (gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1])
    inner = np.ones(count + 1, bool)
    inner[0] = False
    inner[np.unique(np.concatenate(edges))] = False
    numbers = np.cumsum(inner) * inner
    return TrueTopology(labels.astype(np.int32) - numbers[gaps], components, int(inner.sum()))


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
