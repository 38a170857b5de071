"""Random smooth curves and textures, and the dome that lesions are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = ["Curve", "Curves", "Picture", "dome", "smooth_curve", "smooth_curves", "smooth_texture"]

Curve = NDArray[np.float32]
"""One value a column, (W,)."""

Curves = NDArray[np.float32]
"""One value a column for each of several things, (N, W)."""

Picture = NDArray[np.float32]
"""One value a pixel, (H, W)."""

_REACH = 3
"""Knots on each side of a pixel that its Gaussian kernel meets."""


def smooth_curve(rng: np.random.Generator, size: int, length: float) -> Curve:
    """Return a random curve (size,) of mean 0 and variance 1 that bends over `length` pixels."""
    return np.asarray(smooth_curves(rng, 1, size, length)[0])


def smooth_curves(rng: np.random.Generator, count: int, size: int, length: float) -> Curves:
    """Return independent random curves (count, size), each as of `smooth_curve`."""
    basis = _basis(size, length)
    curves: Curves = basis @ rng.standard_normal((basis.shape[1], count), dtype=np.float32)
    return curves.T


def smooth_texture(
    rng: np.random.Generator, shape: tuple[int, int], lengths: tuple[float, float]
) -> Picture:
    """Return a random field (H, W) of mean 0, variance 1 and grain size `lengths` in pixels.

    White noise on a coarse grid is spread by Gaussian kernels: two sparse products instead of a
    large convolution.
    """
    rows, cols = (_basis(size, length) for size, length in zip(shape, lengths, strict=True))
    grid = rng.standard_normal((rows.shape[1], cols.shape[1]), dtype=np.float32)
    texture: Picture = rows @ np.ascontiguousarray((cols @ grid.T).T)
    return texture


def dome(size: int, centre: float, half_width: float, power: float = 1.0) -> Curve:
    """Return a curve (size,) that is 1 at `centre` and 0 from `half_width` pixels off it."""
    distance = (np.arange(size, dtype=np.float32) - centre) / half_width
    curve: Curve = np.clip(1 - distance**2, 0, None) ** np.float32(power)
    return curve


def _basis(size: int, length: float) -> csr_array:
    """Return Gaussian kernels at knots `length` apart, (size, knots), rows of unit energy."""
    position = np.arange(size, dtype=np.float32) / np.float32(length)
    first = np.floor(position).astype(np.int32)
    knots = first[:, None] + np.arange(2 * _REACH, dtype=np.int32)
    distance = (position[:, None] + (_REACH - 1) - knots) / np.float32(0.7)
    kernels = np.exp(-0.5 * distance**2)
    kernels /= np.sqrt((kernels**2).sum(axis=1, keepdims=True))
    ends = np.arange(size + 1, dtype=np.int32) * (2 * _REACH)
    return csr_array(
        (kernels.ravel(), knots.ravel(), ends), shape=(size, int(first[-1]) + 2 * _REACH)
    )
