"""Random looks of a B-scan: contrast, speckle, blur and export of another device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["random_appearance"]


def random_appearance(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a (1, H, W) float32 B-scan, 0 to 1, as another device might show it."""
    if rng.random() < 0.3:
        image = _blurred(image, rng.uniform(0.4, 1.5))
    if rng.random() < 0.15:
        image = _coarser(image, rng)
    if rng.random() < 0.5:
        image = _speckled(image, rng)
    if rng.random() < 0.5:
        image = image + _noise(image, rng) * rng.uniform(0, 0.06)
    image = image.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.3:
        image = image * _shading(image.shape[-1], rng)
    gain = rng.uniform(0.6, 1.5) if rng.random() < 0.9 else rng.uniform(1.5, 2.5)
    image = (image * gain + rng.uniform(-0.1, 0.12)).clamp(0, 1)
    if rng.random() < 0.1:
        levels = float(rng.integers(8, 40))
        image = (image * levels).round() / levels
    return 1 - image if rng.random() < 0.06 else image


def _noise(image: Tensor, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))


def _speckled(image: Tensor, rng: np.random.Generator) -> Tensor:
    speckle = _noise(image, rng) * rng.uniform(0.02, 0.25)
    if rng.random() < 0.5:
        speckle = _blurred(speckle, rng.uniform(0.4, 1.0)) * 1.5
    return image * (1 + speckle)


def _coarser(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return what a B-scan of fewer rows and columns looks like when it is stretched."""
    rows, cols = image.shape[-2:]
    small = (int(rows / rng.uniform(1, 2)), int(cols / rng.uniform(1, 2.5)))
    less = F.interpolate(image[None], small, mode="bilinear", antialias=True)
    return F.interpolate(less, (rows, cols), mode="bilinear")[0]


def _blurred(image: Tensor, sigma: float) -> Tensor:
    offsets = torch.arange(-4, 5, dtype=torch.float32)
    kernel = torch.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum())[None, None]
    padded = F.pad(image[None], (4, 4, 4, 4), mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel[:, :, :, None]), kernel[:, :, None, :])[0]


def _shading(cols: int, rng: np.random.Generator) -> Tensor:
    """Brightness along the B-scan: slow waves and a few vessel shadows."""
    x = torch.linspace(0, 1, cols)
    shade = 1 + rng.uniform(0, 0.3) * torch.cos(
        2 * torch.pi * (x * rng.uniform(0.3, 1.5) + rng.random())
    )
    for _ in range(rng.integers(0, 4)):
        width = rng.uniform(0.004, 0.03)
        shade = shade * (
            1 - rng.uniform(0.2, 0.8) * torch.exp(-(((x - rng.random()) / width) ** 2))
        )
    return shade
