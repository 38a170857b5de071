"""Bars of many masks at once: as numbers to match, and as tensors that carry gradients back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_octsam.topology.losses.batches import check_probabilities
from napari_octsam.topology.persistence.backends import Backend, persistence_pairs
from napari_octsam.topology.persistence.pairs import Connectivity, Pairs

__all__ = ["Bars", "Filtration", "Floats", "at_pixels", "costs_by_mask", "places_in_groups"]

Floats = npt.NDArray[np.float64]


class Bars(NamedTuple):
    """Bars of masks in the filtration f = 1 - p of their probabilities, one mask after the other.

    What never ends gets the end 1, where the background is.
    """

    pairs: Pairs
    births: Floats
    """(n,) 0 to 1."""
    deaths: Floats
    """(n,) 0 to 1."""


@dataclass(frozen=True, slots=True)
class Filtration:
    """How bars come from maps.

    Parameters
    ----------
    connectivity
        Of the foreground, 8 or 4.
    shortest
        Bars under this length, in probability, are left out: tau.
    logits
        Whether maps are logits or probabilities.
    backend
        See `persistence.backends.Backend`.
    """

    connectivity: Connectivity
    shortest: float
    logits: bool
    backend: Backend

    def bars(self, maps: Tensor, names: list[str]) -> Bars:
        """Return the bars of (M, H, W) maps.

        Pairs are taken from the maps as they are: sigmoid rounds large logits to ties.

        Parameters
        ----------
        names
            Of the masks, for errors.

        Raises
        ------
        UserError
            A mask has NaN or infinite values, or probabilities that are not from 0 to 1.
        """
        if not self.logits:
            check_probabilities(maps, names)
        values = maps.detach().cpu()
        pairs = persistence_pairs(
            -values.numpy(), names, self.connectivity, self.backend, torch.get_num_threads()
        )
        births, deaths = self.ends(values, pairs).numpy().astype(np.float64)
        lasting = (deaths - births >= self.shortest) | pairs.endless
        return Bars(pairs[lasting], births[lasting], deaths[lasting])

    def ends(self, maps: Tensor, pairs: Pairs) -> Tensor:
        """Return the births and deaths of pairs in (M, H, W) maps, (2, n), with gradients."""
        values = at_pixels(maps, np.stack([pairs.birth, pairs.death]).clip(min=0))
        levels = 1 - (values.sigmoid() if self.logits else values)
        never = torch.from_numpy(np.stack([np.zeros_like(pairs.endless), pairs.endless]))
        return levels.masked_fill(never.to(levels.device), 1)


def at_pixels(maps: Tensor, pixels: npt.NDArray[np.int64]) -> Tensor:
    """Return the values at pixels, indices of any shape into the flattened maps."""
    places = torch.from_numpy(pixels).to(maps.device)
    return maps.flatten().index_select(0, places.flatten()).view(places.shape)


def costs_by_mask(
    births: Tensor,
    deaths: Tensor,
    targets: Floats,
    missing: npt.NDArray[np.number],
    masks: npt.NDArray[np.int64],
) -> Tensor:
    """Return the cost of each mask's bars, (M,): squared Euclidean distances, 0 at best.

    Parameters
    ----------
    births, deaths
        (n,) of the bars (b, d).
    targets
        (n,) t, where the bar should be born: it costs (b - t)^2 + (1 - d)^2. NaN, where there
        should be none: it costs (d - b)^2 / 2, to the diagonal.
    missing
        (M,) how many bars there should be that are not: each costs 1 / 2.
    masks
        (n,) number of each bar's mask.
    """
    target = torch.from_numpy(targets).to(births)
    to_target = (births - target.nan_to_num()) ** 2 + (1 - deaths) ** 2
    costs = torch.where(target.isnan(), (deaths - births) ** 2 / 2, to_target)
    numbers = torch.from_numpy(masks).to(births.device)
    return torch.from_numpy(missing / 2).to(births).index_add(0, numbers, costs)


def places_in_groups(
    cost: Floats, *groups: npt.NDArray[np.integer | np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the place of each bar among those of its group, (n,): 0 has the lowest cost.

    Parameters
    ----------
    cost
        (n,)
    groups
        (n,) each: bars are in one group where all of these are equal.
    """
    order = np.lexsort((cost, *groups))
    sorted_ = np.stack(groups)[:, order]
    starts = np.ones(len(order), bool)
    starts[1:] = (sorted_[:, 1:] != sorted_[:, :-1]).any(axis=0)
    numbers = np.arange(len(order))
    places = np.empty(len(order), np.int64)
    places[order] = numbers - np.maximum.accumulate(np.where(starts, numbers, 0))
    return places
