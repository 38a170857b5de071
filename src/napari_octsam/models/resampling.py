"""Resampling along one axis, as matrices: separable, exact, and quick on small windows."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

__all__ = ["Resampling", "area_weights", "interpolation", "span"]


class Resampling:
    """A linear map from samples along one axis to others, each of them from a short span.

    Parameters
    ----------
    weights
        (new, old) float32; each row has a value that is not 0.
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights
        taken = weights.cpu().numpy() != 0
        self._first = taken.argmax(axis=1)
        self._last = taken.shape[1] - 1 - taken[:, ::-1].argmax(axis=1)

    def needed(self, new: slice) -> slice:
        """Return the old samples that the new samples `new` depend on."""
        return slice(int(self._first[new].min()), int(self._last[new].max()) + 1)

    def reached(self, old: npt.NDArray[np.bool_]) -> slice | None:
        """Return the span of the new samples that depend on any of the True old samples."""
        before = np.concatenate([[0], old.cumsum()])
        return span(before[self._last + 1] > before[self._first])


def span(flags: npt.NDArray[np.bool_]) -> slice | None:
    """Return the slice from the first to the last True, or None where there is none."""
    (where,) = flags.nonzero()
    return slice(int(where[0]), int(where[-1]) + 1) if len(where) else None


@lru_cache(maxsize=32)
def interpolation(old: int, steps: tuple[tuple[int, int], ...], device: torch.device) -> Resampling:
    """Return linear interpolations done one after the other, as one map.

    Its weights are those of `torch.nn.functional.interpolate` (bilinear, align_corners False):
    they are taken from it by resampling the identity.

    Parameters
    ----------
    old
        Samples to begin with.
    steps
        (samples to interpolate to, samples to keep of these, from the first on) of each step.
    """
    columns = torch.eye(old)[None, :, :, None]
    for size, kept in steps:
        columns = F.interpolate(columns, (size, 1), mode="bilinear", align_corners=False)
        columns = columns[:, :, :kept]
    return Resampling(columns[0, :, :, 0].T.contiguous().to(device))


def area_weights(old: int, new: int, cell: float) -> npt.NDArray[np.float32]:
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
    weights: npt.NDArray[np.float32] = (overlap.clip(0) / cell).astype(np.float32)
    return weights
