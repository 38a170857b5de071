"""Seeded cases that an oracle and our tests both compute."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from napari_octsam.core.masks import Mask

__all__ = [
    "EMPTY_CASES",
    "MATCHING_CASES",
    "ORIGINAL_CASES",
    "PREDICTED_CASES",
    "OriginalCase",
    "mask_pair",
    "predicted_pair",
    "refined",
    "wide_ring",
]


MATCHING_CASES = 400
EMPTY_CASES = 20
PREDICTED_CASES = 400


class OriginalCase(NamedTuple):
    """Batches for the original loss: square, for its gudhi scrambles others."""

    seed: int
    shape: tuple[int, int, int, int]
    smoothness: float

    def logits(self) -> npt.NDArray[np.float64]:
        """Return (B, N, H, W) predicted logits."""
        return self._smooth(0, self.smoothness) * 6 * self.smoothness

    def truth(self) -> npt.NDArray[np.float64]:
        """Return (B, N, H, W) true masks, 0 or 1."""
        return (self._smooth(1, 3) > 0).astype(np.float64)

    def _smooth(self, which: int, sigma: float) -> npt.NDArray[np.float64]:
        noise = np.random.default_rng((self.seed, which)).normal(size=self.shape)
        smooth: npt.NDArray[np.float64] = gaussian_filter(noise, (0, 0, sigma, sigma))
        return smooth


ORIGINAL_CASES = (
    OriginalCase(0, (2, 3, 50, 50), 1),
    OriginalCase(1, (2, 2, 64, 64), 2),
    OriginalCase(2, (3, 2, 256, 256), 4),
    OriginalCase(3, (1, 3, 50, 50), 1),
)


def mask_pair(seed: int) -> tuple[Mask, Mask]:
    """Return two masks: noise, blobs, and one that is the other with faults.

    None is empty up to `MATCHING_CASES`, and one of the two from there on.
    """
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(3, 24, 2))
    sigma, level = random.choice([0, 0.6, 1, 1.5]), random.choice([-0.3, 0, 0.3])

    def blobs() -> Mask:
        mask: Mask = gaussian_filter(random.normal(size=shape), sigma) * (1 + 3 * sigma) > level
        mask.flat[random.integers(mask.size)] = True
        return mask

    first = blobs()
    second = blobs() if random.random() < 0.5 else first ^ (random.random(shape) < 0.08)
    second.flat[random.integers(second.size)] = True
    if seed >= MATCHING_CASES:
        (first, second)[seed % 2][:] = False
    return first, second


def refined(mask: Mask) -> Mask:
    """Return the cells of a mask's pixels, (2 H + 1, 2 W + 1).

    Squares with their edges and corners: what hangs together by 8 neighbours in the mask does so
    by 4 here, which is all that the reference of Betti matching knows.
    """
    rows, cols = mask.shape
    cells = np.zeros((2 * rows + 1, 2 * cols + 1), bool)
    for down in range(3):
        for right in range(3):
            cells[down : down + 2 * rows - 1 : 2, right : right + 2 * cols - 1 : 2] |= mask
    return cells


def predicted_pair(seed: int) -> tuple[npt.NDArray[np.float64], Mask]:
    """Return probabilities as a network gives them and the truth: layers or blobs, with noise."""
    random = np.random.default_rng((seed, 2))
    shape = tuple(random.integers(16, 40, 2))

    def smooth(sigma: float) -> npt.NDArray[np.float64]:
        noise: npt.NDArray[np.float64] = gaussian_filter(random.normal(size=shape), sigma)
        return noise / float(noise.std())

    if seed % 2:
        truth = smooth(3) > random.choice([0, 0.5])
    else:
        rows, cols = np.indices(shape)
        middle = shape[0] / 2 + 3 * np.sin(cols / 6 + seed)
        truth = np.abs(rows - middle) < random.integers(2, 6)
    logits = np.where(truth, 2, -2) + random.choice([0.5, 1, 2]) * smooth(1)
    return 1 / (1 + np.exp(-logits)), truth


def wide_ring() -> npt.NDArray[np.float64]:
    """Return a picture that is not square, with one hole that is born at 0 and ends at 0.9."""
    picture = np.full((12, 30), 0.9)
    picture[2:9, 4:20] = 0
    picture[4:7, 7:17] = 0.9
    return picture
