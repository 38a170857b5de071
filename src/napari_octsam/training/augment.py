"""Random views of a B-scan: another crop, tilt, contrast, noise, device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.training.samples import Sample

__all__ = ["View", "plain_view", "random_view"]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A sample in the frame of the network's input.

    Parameters
    ----------
    pixels
        (1, rows, cols) float32, zero mean and unit variance.
    maps
        Schema name -> (rows, cols) uint8 label values.
    """

    pixels: Tensor
    maps: dict[str, npt.NDArray[np.uint8]]


def plain_view(sample: Sample, size: tuple[int, int]) -> View:
    """Stretch a sample to `size` (rows, cols) and change nothing else."""
    return _warped(sample, np.eye(2, 3), size, lambda image: image)


def random_view(sample: Sample, size: tuple[int, int], rng: np.random.Generator) -> View:
    """Return a random view of a sample, stretched to `size` (rows, cols)."""
    return _warped(sample, _random_affine(rng), size, lambda image: _random_contrast(image, rng))


def _warped(
    sample: Sample,
    affine: npt.NDArray[np.float64],
    size: tuple[int, int],
    recolour: Callable[[Tensor], Tensor],
) -> View:
    theta = torch.from_numpy(affine).float()[None]
    grid = F.affine_grid(theta, [1, 1, *size], align_corners=False)
    image = torch.from_numpy(sample.image)[None, None].float() / 255
    warped = F.grid_sample(image, grid, mode="bilinear", align_corners=False)[0]
    warped = recolour(warped)
    pixels = (warped - warped.mean()) / (warped.std() + 1e-3)
    maps = {}
    for name, labels in sample.maps.items():
        plane = torch.from_numpy(labels)[None, None].float()
        maps[name] = (
            F.grid_sample(plane, grid, mode="nearest", align_corners=False)[0, 0].byte().numpy()
        )
    return View(pixels, maps)


def _random_affine(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Affine from output to input, both in -1 .. 1, (x, y): flip, zoom, tilt and shift."""
    if rng.random() < 0.15:
        zoom_x = zoom_y = 1.0
        tilt = shift_x = shift_y = 0.0
    else:
        zoom_x = rng.uniform(0.4, 1.05) if rng.random() < 0.5 else rng.uniform(0.85, 1.1)
        zoom_y = rng.uniform(0.6, 1.25)
        tilt = rng.normal(0, 0.08)
        shift_x = rng.uniform(-1, 1) * max(1 - zoom_x, 0.03)
        shift_y = rng.uniform(-0.3, 0.3) * (1.2 - min(zoom_y, 1.0))
    flip = -1.0 if rng.random() < 0.5 else 1.0
    return np.array([[flip * zoom_x, 0.0, shift_x], [tilt * zoom_x, zoom_y, shift_y]])


def _random_contrast(image: Tensor, rng: np.random.Generator) -> Tensor:
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    if rng.random() < 0.3:
        image = _blurred(image, rng.uniform(0.4, 1.5))
    if rng.random() < 0.5:
        speckle = torch.randn(image.shape, generator=generator) * rng.uniform(0.02, 0.25)
        if rng.random() < 0.5:
            speckle = _blurred(speckle, rng.uniform(0.4, 1.0)) * 1.5
        image = image * (1 + speckle)
    if rng.random() < 0.5:
        image = image + torch.randn(image.shape, generator=generator) * rng.uniform(0, 0.06)
    image = image.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.3:
        image = image * _shading(image.shape[-1], rng)
    image = (image * rng.uniform(0.6, 1.5) + rng.uniform(-0.08, 0.12)).clamp(0, 1)
    return 1 - image if rng.random() < 0.04 else image


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
