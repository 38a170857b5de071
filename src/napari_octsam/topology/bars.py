"""Bars of many masks at once, as tensors that carry gradients back to their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_octsam.topology.persistence import NEVER, Backend, Connectivity, Pairs
from napari_octsam.topology.persistence import persistence_pairs_of as _pairs_of

__all__ = ["Bars", "at_least_float32", "bars_of", "checked_maps"]


class Bars(NamedTuple):
    """Bars of masks in the filtration f = 1 - p of their probabilities, one mask after the other.

    What never ends gets the end 1, where the background is.
    """

    pairs: list[Pairs]
    """Of each mask."""
    births: Tensor
    """(bars,) as precise as the maps, 0 to 1."""
    deaths: Tensor
    """(bars,) as precise as the maps, 0 to 1."""
    masks: Tensor
    """(bars,) int64: number of the mask."""
    endless: Tensor
    """(bars,) bool: whether it never ends."""

    def split(self, values: Tensor) -> list[npt.NDArray[np.float64]]:
        """Return (bars, ...) values as one array for each mask."""
        ends = np.cumsum([len(pairs.birth) for pairs in self.pairs])[:-1]
        return np.split(values.detach().cpu().numpy().astype(np.float64), ends)


def bars_of(
    order: Tensor,
    probabilities: Tensor,
    names: Sequence[str],
    connectivity: Connectivity,
    backend: Backend,
    shortest: float = 0.0,
) -> Bars:
    """Return the bars of masks.

    Parameters
    ----------
    order
        (M, H, W) float: logits, or anything else that rises with the probability. Pairs are
        taken from it, for probabilities near 0 and 1 are rounded to ties.
    probabilities
        (M, H, W) float, 0 to 1; births and deaths are its values, by plain indexing, so that
        gradients need no more than that.
    names
        Of the masks, for errors.
    shortest
        Bars that are shorter are left out.

    Raises
    ------
    ValueError
        A mask has NaN or infinite values.
    """
    filtered = list(-order.detach().cpu().numpy())
    if not filtered:
        nothing = probabilities.flatten()
        none = torch.zeros(0, dtype=torch.int64, device=order.device)
        return Bars([], nothing, nothing, none, none.bool())
    found = _pairs_of(filtered, names, connectivity, backend, torch.get_num_threads())
    if shortest:
        flat = 1 - probabilities.detach().flatten(1).cpu().numpy()
        found = [_lasting(pairs, f, shortest) for pairs, f in zip(found, flat, strict=True)]
    device = probabilities.device
    numbers = np.repeat(np.arange(len(found)), [len(pairs.birth) for pairs in found])
    offsets = numbers * probabilities[0].numel()
    birth = torch.from_numpy(np.concatenate([p.birth for p in found]) + offsets).to(device)
    death_pixels = np.concatenate([p.death for p in found])
    death = torch.from_numpy(np.where(death_pixels == NEVER, 0, death_pixels + offsets)).to(device)
    endless = torch.from_numpy(death_pixels == NEVER).to(device)
    f = 1 - probabilities.flatten()
    masks = torch.from_numpy(numbers).to(device)
    return Bars(found, f[birth], f[death].masked_fill(endless, 1.0), masks, endless)


def checked_maps(prediction: Tensor, real: Tensor | None) -> Tensor:
    """Return which of (B, N, H, W) maps are real, (B, N) bool.

    Raises
    ------
    ValueError
        The prediction has another number of dimensions, or `real` another shape.
    """
    if prediction.ndim != 4:
        raise ValueError(f"Masks should be (B, N, H, W), but are {tuple(prediction.shape)}.")
    if real is None:
        return torch.ones(prediction.shape[:2], dtype=torch.bool, device=prediction.device)
    if real.shape != prediction.shape[:2]:
        raise ValueError(
            f"`real` should be {tuple(prediction.shape[:2])}, but is {tuple(real.shape)}."
        )
    return real.to(prediction.device, torch.bool)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return a tensor as float32, unless it is more precise."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _lasting(pairs: Pairs, f: npt.NDArray[np.float32], shortest: float) -> Pairs:
    ends = np.where(pairs.death == NEVER, np.float32(1), f[pairs.death])
    keep = (ends - f[pairs.birth] >= shortest) | (pairs.death == NEVER)
    return Pairs(pairs.dimension[keep], pairs.birth[keep], pairs.death[keep])
