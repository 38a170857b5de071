"""The topology loss: a predicted mask's bars against the components and holes of the truth."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.topology.bars import Bars, at_least_float32, bars_of, checked_maps
from napari_octsam.topology.ends import ends_to_move
from napari_octsam.topology.matching import (
    Floats,
    Matching,
    match_spatially,
    match_wasserstein,
)
from napari_octsam.topology.persistence import Backend, Connectivity
from napari_octsam.topology.truth import TrueTopology, TruthCache, resize_maps

__all__ = ["TopologyLoss"]

_MATCHINGS: dict[str, Matching] = {
    "spatial": match_spatially,
    "wasserstein": match_wasserstein,
}


class TopologyLoss(nn.Module):
    r"""Squared distance of predicted bars to where the truth has them, for binary truths.

    With bars (b, d) of the filtration f = 1 - p in dimensions 0 and 1, those that `matching`
    gives to a true component or hole, M, the others, U, and m true ones that got none:

    .. math:: L = \sum_M b^2 + (1 - d)^2 + \sum_U (d - b)^2 / 2 + m / 2

    It is 0 where the mask is the truth, and its gradient falls with the error. The mean is over
    all masks that are real, so that no batch split changes it. With "spatial" the gradient moves
    only that end of a bar whose pixel is on the wrong side of the truth, see `ends_to_move`: an
    island is darkened and not bridged, a break is bridged and its pieces are not darkened.

    Parameters
    ----------
    weight
        The loss is multiplied by it.
    matching
        "spatial": each true component or hole takes the longest bar that lies in it.
        "wasserstein": an optimal matching that knows no places.
    shortest
        Bars under this length, in probability, are left alone: tau.
    connectivity
        Of the foreground, 8 or 4.
    size
        Rows and columns to compute at; None is the resolution of the prediction.
    logits
        Whether predictions are logits or probabilities.
    backend
        See `persistence.Backend`.
    """

    def __init__(
        self,
        weight: float = 1.0,
        *,
        matching: Literal["spatial", "wasserstein"] = "spatial",
        shortest: float = 0.02,
        connectivity: Connectivity = 8,
        size: tuple[int, int] | None = None,
        logits: bool = True,
        backend: Backend = "cripser",
    ) -> None:
        super().__init__()
        if matching not in _MATCHINGS:
            raise ValueError(f"There is no matching {matching!r}: use {' or '.join(_MATCHINGS)}.")
        self.weight = weight
        self.shortest = shortest
        self.connectivity: Connectivity = connectivity
        self.size = size
        self.logits = logits
        self.backend: Backend = backend
        self.matching = matching
        self._truths = TruthCache(connectivity)

    def forward(self, prediction: Tensor, truth: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the weighted mean over the real masks, a scalar.

        Parameters
        ----------
        prediction
            (B, N, H, W) logits or probabilities, of any float type, on any device.
        truth
            (B, N, h, w) bool, or numbers that count as foreground from 0.5 on. It is resized to
            the size that is computed at; `TopologyWarning` tells where that changes its topology.
        real
            (B, N) bool: which masks are objects and no padding; by default all.

        Raises
        ------
        ValueError
            Shapes do not fit, or a mask, which is named, has NaN or infinite values.
        """
        chosen = checked_maps(prediction, real)
        losses = self.per_mask(prediction, truth, chosen)
        return self.weight * losses.sum() / max(int(chosen.sum()), 1)

    def per_mask(self, prediction: Tensor, truth: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of each mask without the weight, (B, N) float32; 0 where it is no mask.

        Arguments are those of `forward`.
        """
        chosen = checked_maps(prediction, real)
        if truth.shape[:2] != prediction.shape[:2]:
            raise ValueError(
                f"There are {tuple(prediction.shape[:2])} predicted masks, but "
                f"{tuple(truth.shape[:2])} true ones."
            )
        with torch.autocast(prediction.device.type, enabled=False):
            maps = at_least_float32(prediction[chosen])
            losses = maps.new_zeros(chosen.shape)
            if not len(maps):
                return losses + maps.sum()  # nothing, but backward works without any object
            return losses.masked_scatter(chosen, self._losses(maps, truth, chosen))

    def _losses(self, maps: Tensor, truth: Tensor, chosen: Tensor) -> Tensor:
        """Return the losses of the M chosen masks, (M,)."""
        if self.size is not None and maps.shape[1:] != self.size:
            maps = resize_maps(maps, self.size)
        names = [f"Mask {n} of sample {b}" for b, n in chosen.nonzero().tolist()]
        probabilities = maps.sigmoid() if self.logits else maps
        bars = bars_of(maps, probabilities, names, self.connectivity, self.backend, self.shortest)
        masks = (truth.to(chosen.device)[chosen] >= 0.5).cpu().numpy()
        size = (maps.shape[1], maps.shape[2])
        truths = [
            self._truths.topology(mask, size, name) for mask, name in zip(masks, names, strict=True)
        ]
        targets = self._targets(bars, truths)
        if self.matching == "spatial":
            bars = self._with_moving_ends(bars, maps, probabilities, targets, truths)
        return _sum_by_mask(bars, np.concatenate(targets), _cost_of_missing(targets, truths))

    def _with_moving_ends(
        self,
        bars: Bars,
        maps: Tensor,
        probabilities: Tensor,
        targets: list[Floats],
        truths: list[TrueTopology],
    ) -> Bars:
        """Return the bars with a gradient at the ends only that should move."""
        filtered = -maps.detach().cpu().numpy()
        each = [
            ends_to_move(*mask, self.connectivity, self.backend)
            for mask in zip(
                bars.pairs,
                bars.split(torch.stack([bars.births, bars.deaths], dim=1)),
                targets,
                truths,
                filtered,
                strict=True,
            )
        ]
        device = bars.births.device
        birth_moves, death_moves, death = (
            torch.from_numpy(np.concatenate(ends)).to(device) for ends in zip(*each, strict=True)
        )
        deaths = 1 - probabilities.flatten(1)[bars.masks, death]
        deaths = torch.where(bars.endless, bars.deaths, deaths)
        return bars._replace(
            births=torch.where(birth_moves, bars.births, bars.births.detach()),
            deaths=torch.where(death_moves, deaths, deaths.detach()),
        )

    def _targets(self, bars: Bars, truths: list[TrueTopology]) -> list[Floats]:
        """Return where each bar of each mask should be born, or NaN."""
        match = _MATCHINGS[self.matching]
        births, deaths = bars.split(bars.births), bars.split(bars.deaths)
        return [match(*mask) for mask in zip(bars.pairs, births, deaths, truths, strict=True)]


def _cost_of_missing(targets: list[Floats], truths: list[TrueTopology]) -> Floats:
    """Return the cost of what is in the truths and in no bar, (M,)."""
    present = np.array([truth.components + truth.holes for truth in truths])
    found = np.array([np.count_nonzero(target == 0) for target in targets])
    cost: Floats = (present - found) / 2
    return cost


def _sum_by_mask(bars: Bars, targets: Floats, missing: Floats) -> Tensor:
    births, deaths = bars.births, bars.deaths
    target = torch.from_numpy(targets).to(births)
    to_truth = (births - target.nan_to_num()) ** 2 + (1 - deaths) ** 2
    costs = torch.where(target.isnan(), (deaths - births) ** 2 / 2, to_truth)
    return torch.from_numpy(missing).to(births).index_add(0, bars.masks, costs)
