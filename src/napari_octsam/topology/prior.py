"""A topology loss without labels: what anatomy says about classes, alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.topology.bars import Bars, at_least_float32, bars_of
from napari_octsam.topology.persistence import Backend, Connectivity

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
    shortest
        Bars under this length, in probability, are left alone.
    connectivity
        Of the foreground, 8 or 4.
    logits
        Whether predictions are logits or probabilities.
    backend
        See `persistence.Backend`.
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
        self.shortest = shortest
        self.connectivity: Connectivity = connectivity
        self.logits = logits
        self.backend: Backend = backend

    def forward(self, prediction: Tensor) -> Tensor:
        """Return the weighted mean over samples and priors, a scalar.

        Parameters
        ----------
        prediction
            (B, C, H, W) logits or probabilities, a channel for each class.

        Raises
        ------
        ValueError
            It is of another shape, has too few channels, or NaN or infinite values.
        """
        if prediction.ndim != 4:
            raise ValueError(f"Masks should be (B, C, H, W), but are {tuple(prediction.shape)}.")
        most = max(max(prior.channels) for prior in self.priors)
        if most >= prediction.shape[1]:
            raise ValueError(f"A prior names channel {most} of {prediction.shape[1]}.")
        with torch.autocast(prediction.device.type, enabled=False):
            maps = at_least_float32(prediction)
            unions = [maps[:, list(prior.channels)].amax(dim=1) for prior in self.priors]
            return self.weight * self._costs(torch.cat(unions), len(prediction)).mean()

    def _costs(self, maps: Tensor, samples: int) -> Tensor:
        """Return the cost of each map, (P * B,); those of the first prior come first."""
        names = [
            f"Channel {' + '.join(map(str, prior.channels))} of sample {b}"
            for prior in self.priors
            for b in range(samples)
        ]
        probabilities = maps.sigmoid() if self.logits else maps
        bars = bars_of(maps, probabilities, names, self.connectivity, self.backend, self.shortest)
        wanted = torch.from_numpy(self._wanted(bars, samples)).to(maps.device)
        longer = bars.births**2 + (1 - bars.deaths) ** 2
        shorter = (bars.deaths - bars.births) ** 2 / 2
        costs = torch.where(wanted > 0, longer, shorter) * (wanted >= 0)
        missing = torch.tensor(self._missing(bars, samples)).to(costs)
        return missing.index_add(0, bars.masks, costs)

    def _missing(self, bars: Bars, samples: int) -> list[float]:
        """Return the cost of expected bars that are not there, of each map: 1/2 each."""
        costs = []
        for i, pairs in enumerate(bars.pairs):
            there = np.bincount(pairs.dimension, minlength=2)
            prior = self.priors[i // samples]
            expected = (prior.components or 0, prior.holes or 0)
            costs.append(sum(max(k - n, 0) for k, n in zip(expected, there, strict=True)) / 2)
        return costs

    def _wanted(self, bars: Bars, samples: int) -> np.typing.NDArray[np.int8]:
        """Return for each bar 1 where it should be long, 0 where not, -1 where it may be either."""
        lengths = bars.split(bars.births - bars.deaths)
        wanted = []
        for i, (pairs, negative) in enumerate(zip(bars.pairs, lengths, strict=True)):
            prior = self.priors[i // samples]
            here = np.zeros(len(negative), np.int8)
            for dimension, expected in enumerate((prior.components, prior.holes)):
                mine = np.flatnonzero(pairs.dimension == dimension)
                if expected is None:
                    here[mine] = -1
                else:
                    here[mine[np.argsort(negative[mine], kind="stable")][:expected]] = 1
            wanted.append(here)
        return np.concatenate(wanted)
