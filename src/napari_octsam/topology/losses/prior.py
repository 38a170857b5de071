"""A topology loss without labels: what anatomy says about classes, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_octsam.topology.losses.bars import (
    Filtration,
    Floats,
    costs_by_mask,
    places_in_groups,
)
from napari_octsam.topology.losses.batches import at_least_float32
from napari_octsam.topology.persistence.backends import Backend
from napari_octsam.topology.persistence.pairs import Connectivity, Pairs

__all__ = ["BettiPrior", "BettiPriorLoss"]


@dataclass(frozen=True, slots=True)
class BettiPrior:
    """What is expected of the union of some channels.

    Parameters
    ----------
    channels
        Which; one alone is a class by itself.
    components, holes
        Expected Betti numbers; None where there may be any number.
    """

    channels: tuple[int, ...]
    components: int | None
    holes: int | None = None

    def __post_init__(self) -> None:
        """Check that it can be met."""
        if not self.channels or min(self.channels) < 0:
            raise ValueError(f"A Betti prior needs channels from 0 on, and not {self.channels}.")
        if min(self.components or 0, self.holes or 0) < 0:
            raise ValueError("A Betti prior cannot expect less than none.")


class BettiPriorLoss(nn.Module):
    """Lengthens the expected number of bars and shortens the others (Clough et al., 1910.01877).

    In each dimension the k longest bars (b, d) of the filtration f = 1 - p cost b^2 + (1 - d)^2,
    all others (d - b)^2 / 2, as in `TopologyLoss`; k is the expected Betti number. The union of
    channels has their highest probability. An expected bar that is not there costs 1/2. The mean
    is over masks and priors.

    Parameters
    ----------
    priors
        What is expected of which channels.
    weight
        The loss is multiplied by it.
    shortest, connectivity, logits, backend
        See `bars.Filtration`.
    """

    def __init__(
        self,
        priors: Sequence[BettiPrior],
        weight: float = 1.0,
        *,
        shortest: float = 0.02,
        connectivity: Connectivity = 8,
        logits: bool = True,
        backend: Backend = "cripser",
    ) -> None:
        super().__init__()
        if not priors:
            raise ValueError("A Betti prior loss needs at least one prior.")
        self.priors = tuple(priors)
        self.weight = weight
        self.filtration = Filtration(connectivity, shortest, logits, backend)

    def forward(self, prediction: Tensor) -> Tensor:
        """Return the weighted mean over samples and priors, a scalar.

        Parameters
        ----------
        prediction
            (B, C, H, W) logits or probabilities, a channel for each class.

        Raises
        ------
        ValueError
            It is of another shape or has too few channels.
        UserError
            A channel, which is named, has NaN, infinite values or impossible probabilities.
        """
        if prediction.ndim != 4:
            raise ValueError(f"Masks should be (B, C, H, W), but are {tuple(prediction.shape)}.")
        most = max(max(prior.channels) for prior in self.priors)
        if most >= prediction.shape[1]:
            raise ValueError(f"A prior names channel {most} of {prediction.shape[1]}.")
        with torch.autocast(prediction.device.type, enabled=False):
            maps = at_least_float32(prediction)
            if not len(maps):
                return maps.sum()
            unions = [maps[:, list(prior.channels)].amax(dim=1) for prior in self.priors]
            return self.weight * self._costs(torch.cat(unions), len(prediction)).mean()

    def _costs(self, maps: Tensor, samples: int) -> Tensor:
        """Return the cost of each map, (P * B,); those of the first prior come first."""
        names = [
            f"Channel {' + '.join(map(str, prior.channels))} of sample {b}"
            for prior in self.priors
            for b in range(samples)
        ]
        bars = self.filtration.bars(maps, names)
        there = np.repeat(_expected(self.priors), samples, axis=0)
        expected = there[bars.pairs.maps, bars.pairs.dimension]
        missing = np.nansum((there - _counts(bars.pairs, len(maps))).clip(min=0), axis=1)
        place = places_in_groups(bars.births - bars.deaths, bars.pairs.maps, bars.pairs.dimension)
        targets = np.where(place < expected, 0.0, np.nan)
        judged = ~np.isnan(expected)
        pairs = bars.pairs[judged]
        births, deaths = self.filtration.ends(maps, pairs)
        return costs_by_mask(births, deaths, targets[judged], missing, pairs.maps)


def _expected(priors: Sequence[BettiPrior]) -> Floats:
    """Return the expected Betti numbers, (P, 2), NaN where there may be any number."""
    numbers = [(prior.components, prior.holes) for prior in priors]
    return np.array(numbers, np.float64)  # None becomes NaN


def _counts(pairs: Pairs, maps: int) -> npt.NDArray[np.int64]:
    """Return how many bars of each dimension each map has, (maps, 2)."""
    counts = np.bincount(pairs.maps * 2 + pairs.dimension, minlength=2 * maps)
    return counts.reshape(maps, 2)
