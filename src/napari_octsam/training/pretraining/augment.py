"""Random views of a B-scan: another crop, tilt, bend, contrast, noise, device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.io.synthetic import Finding
from napari_octsam.training.pretraining.appearance import random_appearance
from napari_octsam.training.pretraining.samples import Sample

__all__ = ["View", "random_view"]

_PADDING = {"oct14": Finding.IMAGE_PADDING}  # of what lies outside the B-scan; 0 elsewhere
_BARE = 0.85  # share of the views whose padding came after the device's noise, as it mostly does


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


def random_view(
    sample: Sample, size: tuple[int, int], rng: np.random.Generator, cols: int | None = None
) -> View:
    """Return a random view of a sample.

    Parameters
    ----------
    size
        (rows, cols) to which the whole B-scan would be stretched.
    cols
        Columns that the view has of them; None: all.
    """
    wide = size[1] if cols is None else cols
    grid = _grid(_random_affine(rng, wide / size[1]), (size[0], wide))
    if rng.random() < 0.6:
        grid[..., 1] += _random_bend(wide, wide / size[1], rng)
    return _seen(sample, grid, rng)


def _grid(affine: npt.NDArray[np.float64], size: tuple[int, int]) -> Tensor:
    theta = torch.from_numpy(affine).float()[None]
    return F.affine_grid(theta, [1, 1, *size], align_corners=False)


def _seen(sample: Sample, grid: Tensor, rng: np.random.Generator) -> View:
    image = torch.from_numpy(sample.image)[None, None].float() / 255
    warped = F.grid_sample(image, grid, mode="bilinear", align_corners=False)[0]
    maps = {name: _moved(each, grid, _PADDING.get(name, 0)) for name, each in sample.maps.items()}
    seen = random_appearance(warped, rng)
    if rng.random() < _BARE:
        seen = torch.where(_padding(maps, grid), warped, seen)
    pixels = (seen - seen.mean()) / (seen.std() + 1e-3)
    return View(pixels, {name: each.byte().numpy() for name, each in maps.items()})


def _moved(labels: npt.NDArray[np.uint8], grid: Tensor, outside: int) -> Tensor:
    plane = torch.from_numpy(labels)[None, None].float() - outside
    return F.grid_sample(plane, grid, mode="nearest", align_corners=False)[0, 0] + outside


def _padding(maps: Mapping[str, Tensor], grid: Tensor) -> Tensor:
    """Return where a view shows no B-scan (rows, cols): outside it, or in its own padding."""
    empty = (grid[0].abs() > 1).any(-1)
    for name, value in _PADDING.items():
        if name in maps:
            empty = empty | (maps[name] == value)
    return empty


def _random_affine(rng: np.random.Generator, share: float) -> npt.NDArray[np.float64]:
    """Affine from output to input, both in -1 .. 1, (x, y): flip, zoom, tilt and shift.

    Parameters
    ----------
    share
        Of the B-scan's width that a view of its own zoom shows.
    """
    zoom_x = share * (rng.uniform(0.4, 1.05) if rng.random() < 0.4 else rng.uniform(0.8, 1.15))
    zoom_y = rng.uniform(0.6, 1.25) if rng.random() < 0.8 else rng.uniform(1.1, 1.7)
    tilt = rng.normal(0, 0.08)
    if rng.random() < 0.15:
        zoom_x, zoom_y, tilt = share, 1.0, 0.0
    shift_x = rng.uniform(-1, 1) * max(1 - zoom_x, 0.03)
    shift_y = rng.uniform(-0.3, 0.3) * max(1.2 - zoom_y, 0.5 * (zoom_y - 1), 0.1)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    return np.array([[flip * zoom_x, 0.0, shift_x], [tilt * zoom_x, zoom_y, shift_y]])


def _random_bend(cols: int, share: float, rng: np.random.Generator) -> Tensor:
    """Return how far each column is moved, in -1 .. 1 of the height: a bow and slow waves."""
    x = torch.linspace(-1, 1, cols) * share
    bow = rng.normal(0, 0.12) * (x - rng.uniform(-0.5, 0.5)) ** 2
    wave = rng.normal(0, 0.012) * torch.sin(rng.uniform(2, 9) * x + rng.uniform(0, 6.3))
    return bow + wave
