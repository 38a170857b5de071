"""The topology loss: a predicted mask's bars against the components and holes of the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.topology.losses.bars import Bars, Filtration, Floats, costs_by_mask
from napari_octsam.topology.losses.batches import RealMasks, at_least_float32, real_masks
from napari_octsam.topology.losses.ends import ends_to_move
from napari_octsam.topology.losses.matching import Matching, match_spatially, match_wasserstein
from napari_octsam.topology.losses.truth_cache import TruthCache, resize_maps
from napari_octsam.topology.persistence.backends import Backend
from napari_octsam.topology.persistence.pairs import Connectivity
from napari_octsam.topology.persistence.truth import Truths

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
    size
        Rows and columns to compute at; None is the resolution of the prediction.
    shortest, connectivity, logits, backend
        See `bars.Filtration`.
    """

    def __init__(
        self,
        weight: float = 1.0,
        *,
        matching: Literal["spatial", "wasserstein"] = "spatial",
        size: tuple[int, int] | None = None,
        shortest: float = 0.02,
        connectivity: Connectivity = 8,
        logits: bool = True,
        backend: Backend = "cripser",
    ) -> None:
        super().__init__()
        if matching not in _MATCHINGS:
            raise ValueError(f"There is no matching {matching!r}: use {' or '.join(_MATCHINGS)}.")
        self.weight = weight
        self.matching = matching
        self.size = size
        self.filtration = Filtration(connectivity, shortest, logits, backend)
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
            Shapes do not fit.
        UserError
            A mask, which is named, has NaN, infinite values or impossible probabilities.
        """
        masks = real_masks(prediction, truth, real)
        return self.weight * self._losses(prediction, truth, masks).sum() / max(len(masks), 1)

    def _losses(self, prediction: Tensor, truth: Tensor, masks: RealMasks) -> Tensor:
        """Return the losses of the M real masks, (M,)."""
        with torch.autocast(prediction.device.type, enabled=False):
            maps = at_least_float32(masks.of(prediction))
            if not len(masks):
                return maps.sum(dim=(1, 2))  # nothing, but backward works without any object
            if self.size is not None and maps.shape[1:] != self.size:
                maps = resize_maps(maps, self.size)
            truths = self._true_topologies(truth, masks, (maps.shape[1], maps.shape[2]))
            bars = self.filtration.bars(maps, masks.names)
            targets = _MATCHINGS[self.matching](bars, truths)
            births, deaths = self._moving_ends(bars, maps, targets, truths)
            found = np.bincount(bars.pairs.maps[targets == 0], minlength=len(masks))
            missing = truths.components + truths.holes - found
            return costs_by_mask(births, deaths, targets, missing, bars.pairs.maps)

    def _true_topologies(self, truth: Tensor, masks: RealMasks, size: tuple[int, int]) -> Truths:
        true = masks.of_truth(truth)
        true = true if true.dtype == torch.bool else true >= 0.5
        return Truths(
            self._truths.topology(mask, size, name)
            for mask, name in zip(true.cpu().numpy(), masks.names, strict=True)
        )

    def _moving_ends(
        self, bars: Bars, maps: Tensor, targets: Floats, truths: Truths
    ) -> tuple[Tensor, Tensor]:
        """Return births and deaths, (n,) each, with a gradient at those ends that should move."""
        if self.matching == "wasserstein":
            births, deaths = self.filtration.ends(maps, bars.pairs)
            return births, deaths
        moving = ends_to_move(
            bars,
            targets,
            truths,
            maps.detach().cpu().numpy(),
            self.filtration.connectivity,
            self.filtration.backend,
        )
        ends = self.filtration.ends(maps, replace(bars.pairs, death=moving.death))
        moves = torch.from_numpy(np.stack([moving.birth_moves, moving.death_moves]))
        births, deaths = torch.where(moves.to(ends.device), ends, ends.detach())
        return births, deaths
