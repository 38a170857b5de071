"""Masks as COCO's run lengths: how many pixels are off, then on, then off, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["mask_of", "run_lengths"]


def run_lengths(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Return the run lengths of an (H, W) mask; the first is of pixels that are off, maybe 0."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths: list[int] = np.diff([0, *changes, flat.size]).tolist()
    return [0, *lengths] if flat[0] else lengths


def mask_of(lengths: Sequence[int], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the (H, W) mask of run lengths; ValueError where they are of another size."""
    if min(lengths, default=0) < 0 or sum(lengths) != shape[0] * shape[1]:
        raise ValueError(f"the run lengths are not of a mask of {shape[0]} x {shape[1]} pixels")
    is_on = np.arange(len(lengths)) % 2 == 1
    return np.repeat(is_on, lengths).reshape(shape, order="F")
