"""Resampling along one axis, as matrices: separable, exact, and quick on small windows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

__all__ = ["Resampling", "Steps", "area_weights", "interpolation"]

Steps = tuple[tuple[int, int], ...]
"""Interpolations one after the other: (samples to make, how many to keep of them) of each."""


class Resampling:
    """A linear map from samples along one axis to others, each of them from a short span.

    Parameters
    ----------
    weights
        (new, old) float32; each row has a value that is not 0.
    """

    def __init__(self, weights: csr_array) -> None:
        self.weights = weights
        self._first = weights.indices[weights.indptr[:-1]]
        self._last = weights.indices[weights.indptr[1:] - 1]

    @property
    def extent(self) -> int:
        """How many of the old samples, from the first on, the new ones depend on."""
        return int(self._last.max()) + 1

    def needed(self, new: slice) -> slice:
        """Return the old samples that the new samples `new` depend on."""
        return slice(int(self._first[new].min()), int(self._last[new].max()) + 1)

    def reached(self, old: slice) -> slice | None:
        """Return the new samples that depend on any of the old samples `old`, if there are any."""
        return _span((self._last >= old.start) & (self._first < old.stop))

    def made_of(self, old: slice) -> slice | None:
        """Return the new samples that depend on the old samples `old` only, if there are any."""
        return _span((self._first >= old.start) & (self._last < old.stop))

    def apply(
        self, values: npt.NDArray[np.float32], first: int, new: slice
    ) -> npt.NDArray[np.float32]:
        """Return the samples `new` along axis 0 from the old ones that begin with number `first`.

        `values` is (old, n) and holds at least what `needed(new)` names.
        """
        weights = self.weights[new, first : first + len(values)]
        resampled: npt.NDArray[np.float32] = weights @ np.ascontiguousarray(values)
        return resampled


@lru_cache(maxsize=32)
def interpolation(old: int, steps: Steps) -> Resampling:
    """Return linear interpolations done one after the other, as one map from `old` samples.

    Each is that of `torch.nn.functional.interpolate` (bilinear, align_corners False), which
    places sample i of n at (i + 1/2) / n of the length and holds the outermost values.
    """
    weights = csr_array(np.eye(old, dtype=np.float32))
    for size, kept in steps:
        weights = _linear(weights.shape[0], size)[:kept] @ weights
    weights.sort_indices()
    weights.eliminate_zeros()
    return Resampling(weights)


def _linear(old: int, new: int) -> csr_array:
    place = ((np.arange(new) + 0.5) * (old / new) - 0.5).clip(0, old - 1)
    before = place.astype(int).clip(0, max(old - 2, 0))
    after = np.minimum(before + 1, old - 1)
    share = place - before
    rows = np.tile(np.arange(new), 2)
    values = np.concatenate([1 - share, share]).astype(np.float32)
    return csr_array((values, (rows, np.concatenate([before, after]))), (new, old))


@lru_cache(maxsize=32)
def area_weights(old: int, new: int, cell: float) -> csr_array:
    """Return the weights of the mean over `new` cells, each `cell` old pixels wide.

    The first cell begins at the edge of the first pixel; what lies beyond the last pixel counts
    as 0.

    Returns
    -------
    (new, old) float32.
    """
    edges = np.arange(new + 1)[:, None] * cell
    pixels = np.arange(old)[None, :]
    overlap = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return csr_array((overlap.clip(0) / cell).astype(np.float32))


def _span(flags: npt.NDArray[np.bool_]) -> slice | None:
    """Return the slice from the first to the last True, or None where there is none."""
    (where,) = flags.nonzero()
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else None
