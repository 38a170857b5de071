"""Random looks of a B-scan that devices unlike those of the training data give it."""

from __future__ import annotations

import io

import imageio.v3 as iio
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["foreign_device"]


def foreign_device(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a (1, H, W) float32 B-scan, 0 to 1, as a device unlike its own might show it."""
    if rng.random() < 0.3:
        image = _averaged(image, rng)
    if rng.random() < 0.35:
        image = _with_depth(image, rng)
    if rng.random() < 0.3:
        image = image * _shadows(image.shape[-1], rng)
    if rng.random() < 0.6:
        image = _curved(image, rng)
    if rng.random() < 0.4:
        image = _exported_small(image, rng)
    if rng.random() < 0.25:
        image = _as_jpeg(image, int(rng.integers(25, 85)))
    return image


def _averaged(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a B-scan of less speckle, smooth along the layers, its edges sharpened again."""
    along = 2 * int(rng.integers(1, 5)) + 1
    padded = F.pad(image[None], (along // 2, along // 2, 1, 1), mode="reflect")
    smooth = F.avg_pool2d(padded, (3, along), stride=1)[0]
    sharper = smooth + rng.uniform(0, 0.8) * (smooth - _smooth(smooth, 7))
    return torch.lerp(image, sharper, rng.uniform(0.5, 1)).clamp(0, 1)


def _with_depth(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a B-scan whose choroid, below what is brightest, is brighter or darker."""
    rows = torch.linspace(0, 1, image.shape[1])[:, None]
    bright = _smooth(image, 15)[0].argmax(dim=0).float() / image.shape[1]
    line = F.avg_pool1d(F.pad(bright[None, None], (32, 32), mode="replicate"), 65, stride=1)[0, 0]
    below = torch.sigmoid((rows - line - 0.02) / 0.01)
    fading = torch.exp(-(rows - line).clamp(min=0) / rng.uniform(0.1, 0.6))
    return (image * (1 + rng.uniform(-0.5, 2.0) * below * fading)).clamp(0, 1)


def _shadows(cols: int, rng: np.random.Generator) -> Tensor:
    """Return the light along a B-scan below vessels, or behind an opaque lens."""
    x = torch.linspace(0, 1, cols)
    light = torch.ones(cols)
    for _ in range(rng.integers(1, 6)):
        distance = (x - rng.random()).abs() / rng.uniform(0.01, 0.08)
        light = light * (1 - rng.uniform(0.3, 0.95) * torch.exp(-(distance**4)))
    return light


def _curved(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return a B-scan with another rising intensity curve, through random heights."""
    steps = rng.dirichlet(np.full(6, rng.uniform(0.8, 4)))
    heights = torch.from_numpy(np.concatenate([[0.0], np.cumsum(steps)])).float()
    place = image.clamp(0, 1) * len(steps)
    before = place.floor().long().clamp(max=len(steps) - 1)
    return torch.lerp(heights[before], heights[before + 1], place - before)


def _exported_small(image: Tensor, rng: np.random.Generator) -> Tensor:
    """Return what is left of a B-scan exported with few rows, few columns, or both."""
    rows, cols = image.shape[-2:]
    small = (int(rows / rng.uniform(1, 3)), int(cols / rng.uniform(1, 3)))
    less = F.interpolate(image[None], small, mode="bilinear", antialias=bool(rng.random() < 0.7))
    mode = "nearest" if rng.random() < 0.2 else "bicubic"
    return F.interpolate(less, (rows, cols), mode=mode)[0].clamp(0, 1)


def _as_jpeg(image: Tensor, quality: int) -> Tensor:
    grey = (image[0].clamp(0, 1) * 255).round().byte().numpy()
    part = io.BytesIO()
    iio.imwrite(part, grey, extension=".jpg", quality=quality)
    return torch.from_numpy(iio.imread(part.getvalue()).astype(np.float32) / 255)[None]


def _smooth(image: Tensor, size: int) -> Tensor:
    padded = F.pad(image[None], (size // 2,) * 4, mode="reflect")
    return F.avg_pool2d(padded, size, stride=1)[0]
