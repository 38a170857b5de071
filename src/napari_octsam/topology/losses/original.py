"""The topological loss of the original project, for comparison: its faults included."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from napari_octsam.topology.losses.bars import Floats, at_pixels
from napari_octsam.topology.losses.batches import (
    RealMasks,
    at_least_float32,
    check_probabilities,
    real_masks,
)
from napari_octsam.topology.persistence.backends import Backend, persistence_pairs

__all__ = ["OriginalTopologyLoss"]

_SIDE = 50


class OriginalTopologyLoss(nn.Module):
    """2-Wasserstein distance of the dark holes' diagrams, as DILabHelmholtzOCT computes it.

    Masks are shrunk to 50 x 50 (bilinear, align_corners, nothing against aliasing), filtered by
    the probability itself from low to high, and compared in dimension 1 only: bright spots that
    darkness surrounds. The ground metric is L-infinity. A sample's distance is the root of the
    sum over its masks; the mean is over the samples, or over the masks of a single one. It is
    blind to a layer that is broken.

    Parameters
    ----------
    weight
        The loss is multiplied by it.
    logits
        Whether predictions are logits or probabilities.
    backend
        See `persistence.backends.Backend`.
    """

    def __init__(
        self, weight: float = 0.1, *, logits: bool = True, backend: Backend = "cripser"
    ) -> None:
        super().__init__()
        self.weight = weight
        self.logits = logits
        self.backend: Backend = backend

    def forward(self, prediction: Tensor, truth: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the weighted mean over the samples, a scalar.

        Parameters
        ----------
        prediction
            (B, N, H, W) logits or probabilities.
        truth
            (B, N, H, W) numbers 0 to 1.
        real
            (B, N) bool: masks to count. The original counts all.

        Raises
        ------
        ValueError
            Shapes do not fit.
        UserError
            A mask, which is named, has NaN, infinite values or impossible probabilities.
        """
        masks = real_masks(prediction, truth, real)
        with torch.autocast(prediction.device.type, enabled=False):
            squared = self._squared(prediction, truth, masks)
            if not len(masks):
                return squared.sum()
            batch, count = masks.shape
            samples = masks.places // count if batch > 1 else masks.places
            counted, numbers = torch.unique(samples, return_inverse=True)
            summed = squared.new_zeros(len(counted)).index_add(0, numbers, squared)
            return self.weight * _root(summed).mean()

    def of_sample(self, prediction: Tensor, truth: Tensor) -> Tensor:
        """Return the weighted distance of one of several samples, a scalar.

        The loss of a batch of several is the mean of these.

        Parameters
        ----------
        prediction, truth
            (N, H, W) as of `forward`; at least one mask.
        """
        masks = real_masks(prediction[None], truth[None], None)
        with torch.autocast(prediction.device.type, enabled=False):
            squared = self._squared(prediction[None], truth[None], masks)
            return self.weight * _root(squared.sum())

    def _squared(self, prediction: Tensor, truth: Tensor, masks: RealMasks) -> Tensor:
        """Return the squared distance of each of the M real masks, (M,)."""
        maps = at_least_float32(masks.of(prediction))
        if not len(masks):
            return maps.sum(dim=(1, 2))
        if not self.logits:
            check_probabilities(maps, masks.names)
        predicted = self._holes(maps.sigmoid() if self.logits else maps, masks.names)
        true = self._holes(masks.of_truth(truth).to(maps), masks.names)
        return _squared_distances(predicted, true, len(masks))

    def _holes(self, maps: Tensor, names: list[str]) -> _Holes:
        """Return the holes of (M, H, W) maps at the original's size."""
        size = (_SIDE, _SIDE)
        shrunk = F.interpolate(maps[None], size, mode="bilinear", align_corners=True)[0]
        values = shrunk.detach().cpu().numpy()
        pairs = persistence_pairs(values, names, 8, self.backend, torch.get_num_threads())
        holes = pairs[pairs.dimension == 1]
        return _Holes(holes.maps, at_pixels(shrunk, np.stack([holes.birth, holes.death], axis=1)))


class _Holes(NamedTuple):
    """Bars of masks in dimension 1, one mask after the other."""

    masks: npt.NDArray[np.int64]
    """(n,) number of the mask."""
    ends: Tensor
    """(n, 2) births and deaths."""

    def each(self, masks: int) -> list[Floats]:
        """Return the ends in each mask."""
        ends = self.ends.detach().cpu().numpy().astype(np.float64)
        return np.split(ends, np.searchsorted(self.masks, np.arange(1, masks)))


def _squared_distances(predicted: _Holes, true: _Holes, masks: int) -> Tensor:
    """Return the squared distance of each pair of diagrams, (M,)."""
    matched = [
        _assigned(*each) for each in zip(predicted.each(masks), true.each(masks), strict=True)
    ]
    target = torch.from_numpy(np.concatenate([targets for targets, _ in matched]))
    target = target.to(predicted.ends)
    to_truth = (predicted.ends - target.nan_to_num()).abs().amax(dim=1) ** 2
    to_diagonal = (predicted.ends[:, 1] - predicted.ends[:, 0]) ** 2 / 4
    costs = torch.where(target[:, 0].isnan(), to_diagonal, to_truth)
    missing = costs.new_tensor([left for _, left in matched])
    return missing.index_add(0, torch.from_numpy(predicted.masks).to(costs.device), costs)


def _assigned(bars: Floats, true_bars: Floats) -> tuple[Floats, float]:
    """Return the true bar that each predicted one is matched with, (n, 2), or NaN.

    And the cost of the true bars that are left over. The matching is optimal: a match saves the
    distances of both bars to the diagonal and costs the one between them.
    """
    between = np.abs(bars[:, None] - true_bars[None]).max(axis=2) ** 2
    gain = _to_diagonal(bars)[:, None] + _to_diagonal(true_bars)[None] - between
    chosen, taken = linear_sum_assignment(gain.clip(min=0), maximize=True)
    worth = gain[chosen, taken] > 0
    targets = np.full_like(bars, np.nan)
    targets[chosen[worth]] = true_bars[taken[worth]]
    left = np.delete(true_bars, taken[worth], axis=0)
    return targets, float(_to_diagonal(left).sum())


def _to_diagonal(bars: Floats) -> Floats:
    squared: Floats = (bars[:, 1] - bars[:, 0]) ** 2 / 4
    return squared


def _root(squared: Tensor) -> Tensor:
    """Return the roots; the gradient at 0, where the original's is NaN, is 0."""
    zero = squared == 0
    return torch.where(zero, 0, squared.masked_fill(zero, 1).sqrt())
