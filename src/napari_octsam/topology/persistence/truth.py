"""The topology of true masks: which pixel belongs to which component or hole."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.topology.persistence.pairs import Connectivity

__all__ = ["BettiNumbers", "TrueTopology", "Truths", "true_topology"]

_CROSS = ndimage.generate_binary_structure(2, 1)


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
