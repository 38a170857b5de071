"""Batches of masks, some of which may only pad."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_octsam.core.errors import UserError

__all__ = ["RealMasks", "at_least_float32", "check_probabilities", "real_masks"]


@dataclass(frozen=True, slots=True, eq=False)
class RealMasks:
    """Which masks of a (B, N, ...) batch are real: M of them.

    Parameters
    ----------
    shape
        B and N.
    places
        (M,) int64, rising: where each is in the flattened batch.
    """

    shape: tuple[int, int]
    places: Tensor

    def __len__(self) -> int:
        return len(self.places)

    @property
    def names(self) -> list[str]:
        """What to call each in an error."""
        return [
            f"Mask {i % self.shape[1]} of sample {i // self.shape[1]}" for i in self.places.tolist()
        ]

    def of(self, batch: Tensor) -> Tensor:
        """Return those of a (B, N, H, W) batch, (M, H, W)."""
        flat = batch.flatten(0, 1)
        if len(self) == len(flat):
            return flat  # nothing pads: no copy
        return flat.index_select(0, self.places.to(batch.device))

    def of_truth(self, batch: Tensor) -> Tensor:
        """Return those of true masks, (M, H, W).

        Raises
        ------
        UserError
            One has NaN; it is named.
        """
        true = self.of(batch)
        wrong = true.isnan().flatten(1).any(dim=1) if true.is_floating_point() else None
        if wrong is not None and wrong.any():
            raise UserError(
                f"{_first(self.names, wrong)} of the truth has NaN: a true mask is 0 or 1."
            )
        return true


def real_masks(prediction: Tensor, truth: Tensor, real: Tensor | None) -> RealMasks:
    """Check the shapes that a loss is given, and return which masks are real.

    Parameters
    ----------
    prediction
        (B, N, H, W)
    truth
        (B, N, h, w)
    real
        (B, N); None where all are.

    Raises
    ------
    ValueError
        A shape is another one.
    """
    if prediction.ndim != 4:
        raise ValueError(f"Masks should be (B, N, H, W), but are {tuple(prediction.shape)}.")
    batch, count = prediction.shape[:2]
    if truth.ndim != 4 or truth.shape[:2] != (batch, count):
        raise ValueError(
            f"There are {(batch, count)} predicted masks, but {tuple(truth.shape[:2])} true ones."
        )
    if real is None:
        return RealMasks((batch, count), torch.arange(batch * count, device=prediction.device))
    if real.shape != (batch, count):
        raise ValueError(f"`real` should be {(batch, count)}, but is {tuple(real.shape)}.")
    places = real.to(prediction.device).flatten().nonzero()[:, 0]
    return RealMasks((batch, count), places)


def check_probabilities(maps: Tensor, names: list[str]) -> None:
    """Raise UserError where one of (M, H, W) maps has values that are not from 0 to 1."""
    wrong = ((maps.detach() < 0) | (maps.detach() > 1)).flatten(1).any(dim=1)
    if wrong.any():
        raise UserError(
            f"{_first(names, wrong)} has probabilities that are not from 0 to 1: give logits with "
            "`logits=True`."
        )


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return a tensor as float32, unless it is more precise."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def _first(names: list[str], which: Tensor) -> str:
    return names[int(which.nonzero()[0])]
