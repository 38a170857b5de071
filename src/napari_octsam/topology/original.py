"""The topological loss of the original project, for comparison: its faults included."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from napari_octsam.topology.bars import Bars, at_least_float32, bars_of, checked_maps
from napari_octsam.topology.matching import Floats
from napari_octsam.topology.persistence import Backend, Pairs

__all__ = ["OriginalTopologyLoss"]

_SIDE = 50
_HOLES = 1


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
        See `persistence.Backend`.
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
            Shapes do not fit, or a mask, which is named, has NaN or infinite values.
        """
        chosen = checked_maps(prediction, real)
        with torch.autocast(prediction.device.type, enabled=False):
            maps = at_least_float32(prediction[chosen])
            if not len(maps):
                return maps.sum()
            predicted = self._bars(maps.sigmoid() if self.logits else maps, chosen)
            true = self._bars(truth.to(chosen.device)[chosen].to(maps.dtype), chosen)
            squared = _squared_distances(predicted, true)
            axis = 0 if len(chosen) > 1 else 1
            summed = squared.new_zeros(chosen.shape[axis])
            summed = summed.index_add(0, chosen.nonzero()[:, axis], squared)
            return self.weight * _root(summed[chosen.any(dim=1 - axis)]).mean()

    def _bars(self, maps: Tensor, chosen: Tensor) -> Bars:
        """Return the bars of the M chosen maps, (M, H, W)."""
        size = (_SIDE, _SIDE)
        shrunk = F.interpolate(maps[None], size, mode="bilinear", align_corners=True)[0]
        names = [f"Mask {n} of sample {b}" for b, n in chosen.nonzero().tolist()]
        return bars_of(-shrunk, 1 - shrunk, names, 8, self.backend)


def _squared_distances(predicted: Bars, true: Bars) -> Tensor:
    """Return the squared distance of each pair of diagrams in dimension 1, (M,)."""
    births, deaths = predicted.births, predicted.deaths
    targets, missing = _assigned(predicted, true)
    target = torch.from_numpy(targets).to(births)
    to_truth = (torch.stack([births, deaths], dim=1) - target.nan_to_num()).abs().amax(dim=1) ** 2
    to_diagonal = (deaths - births) ** 2 / 4
    costs = torch.where(target[:, 0].isnan(), to_diagonal, to_truth)
    is_hole = torch.from_numpy(np.concatenate([p.dimension for p in predicted.pairs]) == _HOLES)
    costs = torch.where(is_hole.to(costs.device), costs, 0)
    return torch.from_numpy(missing).to(costs).index_add(0, predicted.masks, costs)


def _assigned(predicted: Bars, true: Bars) -> tuple[Floats, Floats]:
    """Return the true bar that each predicted one is matched with, (bars, 2), or NaN.

    And the cost of the true bars that are left over, (M,). The matching is optimal: a match saves
    the distances of both bars to the diagonal and costs the one between them.
    """
    masks = zip(
        predicted.pairs,
        predicted.split(predicted.births),
        predicted.split(predicted.deaths),
        true.pairs,
        true.split(true.births),
        true.split(true.deaths),
        strict=True,
    )
    targets, missing = zip(*(_assigned_in_mask(*mask) for mask in masks), strict=True)
    return np.concatenate(targets), np.array(missing)


def _assigned_in_mask(
    pairs: Pairs, births: Floats, deaths: Floats, true_pairs: Pairs, starts: Floats, ends: Floats
) -> tuple[Floats, float]:
    targets = np.full((len(births), 2), np.nan)
    own = np.flatnonzero(pairs.dimension == _HOLES)
    other = np.flatnonzero(true_pairs.dimension == _HOLES)
    bars = np.stack([births[own], deaths[own]], axis=1)
    true_bars = np.stack([starts[other], ends[other]], axis=1)
    between = np.abs(bars[:, None] - true_bars[None]).max(axis=2) ** 2
    gain = _to_diagonal(bars)[:, None] + _to_diagonal(true_bars)[None] - between
    chosen, taken = linear_sum_assignment(gain.clip(min=0), maximize=True)
    worth = gain[chosen, taken] > 0
    targets[own[chosen[worth]]] = true_bars[taken[worth]]
    left = np.delete(true_bars, taken[worth], axis=0)
    return targets, float(_to_diagonal(left).sum())


def _to_diagonal(bars: Floats) -> Floats:
    squared: Floats = (bars[:, 1] - bars[:, 0]) ** 2 / 4
    return squared


def _root(squared: Tensor) -> Tensor:
    """Return the roots; the gradient at 0, where the original's is NaN, is 0."""
    zero = squared == 0
    return torch.where(zero, 0, squared.masked_fill(zero, 1).sqrt())
