"""Random views of a B-scan: another crop, tilt, bend, contrast, noise, device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.phantoms.bscan import Finding
from recipes.octsam_tiny.appearance import random_appearance
from recipes.octsam_tiny.devices import foreign_device
from recipes.octsam_tiny.samples import Sample

__all__ = ["View", "random_view"]

_PADDING = {"oct14": Finding.IMAGE_PADDING}  # of what lies outside the B-scan; 0 elsewhere
_BARE = 0.85  # share of the views whose padding came after the device's noise, as it mostly does
_SHADES = (1.0, 1.0, 0.75, 0.5, 0.25)  # of other padding; 1 is white
_ZOOMS_X = ((0.4, 1.05), (0.8, 1.15), (1.1, 1.6))  # a part, about all, padding beside
_ZOOMS_Y = ((0.6, 1.25), (1.1, 2.0), (0.28, 0.6))  # about all, padding around, the retina alone
_STEEP = 0.2  # deviation of the tilt that is added where a view is from a foreign device
_CLOSE = 0.6  # zoom in rows below which a view shows the retina and little else


@dataclass(frozen=True, slots=True)
class _Odds:
    """How often a view has each of the zooms, and bare padding stays as it is, mostly black."""

    zooms_x: tuple[float, ...]
    zooms_y: tuple[float, ...]
    black: float


_LIKE_EXPORTS = _Odds(zooms_x=(0.35, 0.55, 0.1), zooms_y=(0.6, 0.18, 0.22), black=0.65)
_PLAIN = _Odds(zooms_x=(0.4, 0.6, 0.0), zooms_y=(0.85, 0.15, 0.0), black=1.0)


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
    sample: Sample,
    size: tuple[int, int],
    rng: np.random.Generator,
    cols: int | None = None,
    exports: bool = True,
    devices: float = 0.0,
) -> View:
    """Return a random view of a sample.

    Parameters
    ----------
    size
        (rows, cols) to which the whole B-scan would be stretched.
    cols
        Columns that the view has of them; None: all.
    exports
        Whether it may be cropped to the retina, or letterboxed beside it or in another shade.
    devices
        How often it is steep, and looks, as from a device unlike those of the B-scans.
    """
    odds = _LIKE_EXPORTS if exports else _PLAIN
    wide = size[1] if cols is None else cols
    foreign = devices > 0 and rng.random() < devices
    affine = _random_affine(rng, wide / size[1], sample.image, odds)
    if foreign:
        affine[1, 0] += affine[1, 1] * rng.normal(0, _STEEP) * wide / size[1]
    grid = _grid(affine, (size[0], wide))
    if rng.random() < 0.6:
        bend = _random_bend(wide, wide / size[1], rng)
        grid[..., 1] += bend * min(affine[1, 1] / _CLOSE, 1)
    return _seen(sample, grid, rng, odds.black, foreign)


def _grid(affine: npt.NDArray[np.float64], size: tuple[int, int]) -> Tensor:
    theta = torch.from_numpy(affine).float()[None]
    return F.affine_grid(theta, [1, 1, *size], align_corners=False)


def _seen(
    sample: Sample, grid: Tensor, rng: np.random.Generator, black: float, foreign: bool
) -> View:
    image = torch.from_numpy(sample.image)[None, None].float() / 255
    warped = F.grid_sample(image, grid, mode="bilinear", align_corners=False)[0]
    maps = {name: _moved(each, grid, _PADDING.get(name, 0)) for name, each in sample.maps.items()}
    seen = random_appearance(foreign_device(warped, rng) if foreign else warped, rng)
    if rng.random() < _BARE:
        bare = warped if rng.random() < black else torch.full_like(warped, rng.choice(_SHADES))
        seen = torch.where(_padding(maps, grid), bare, seen)
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


def _bright_row(image: npt.NDArray[np.uint8]) -> float:
    """Return about which row the retina lies, in -1 .. 1 of the height."""
    excess = (image.astype(np.float32) - np.median(image)).clip(0).sum(axis=1)
    if not excess.any():
        return 0.0
    return float(2 * np.average(np.arange(len(excess)) + 0.5, weights=excess) / len(excess) - 1)


def _random_affine(
    rng: np.random.Generator, share: float, image: npt.NDArray[np.uint8], odds: _Odds
) -> npt.NDArray[np.float64]:
    """Affine from output to input, both in -1 .. 1, (x, y): flip, zoom, tilt and shift.

    Parameters
    ----------
    share
        Of the B-scan's width that a view of its own zoom shows.
    image
        (H, W), the B-scan: a close view lies about its retina.
    """
    zoom_x, zoom_y = share * _zoom_x(rng, odds.zooms_x), _zoom_y(rng, odds.zooms_y)
    tilt = rng.normal(0, 0.08)
    if rng.random() < 0.15:
        zoom_x, zoom_y, tilt = share, 1.0, 0.0
    shift_x = rng.uniform(-1, 1) * max(1 - zoom_x, 0.03)
    if zoom_y < _CLOSE:
        shift_y = _bright_row(image) + rng.uniform(-0.4, 0.4) * zoom_y
    else:
        shift_y = rng.uniform(-0.3, 0.3) * max(1.2 - zoom_y, 0.5 * (zoom_y - 1), 0.1)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    return np.array([[flip * zoom_x, 0.0, shift_x], [tilt * zoom_x, zoom_y, shift_y]])


def _zoom_x(rng: np.random.Generator, odds: tuple[float, ...]) -> float:
    """Draw which share of the columns is seen."""
    low, high = _ZOOMS_X[rng.choice(len(_ZOOMS_X), p=odds)]
    return float(rng.uniform(low, high))


def _zoom_y(rng: np.random.Generator, odds: tuple[float, ...]) -> float:
    """Draw which share of the rows is seen."""
    low, high = _ZOOMS_Y[rng.choice(len(_ZOOMS_Y), p=odds)]
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _random_bend(cols: int, share: float, rng: np.random.Generator) -> Tensor:
    """Return how far each column is moved, in -1 .. 1 of the height: a bow and slow waves."""
    x = torch.linspace(-1, 1, cols) * share
    bow = rng.normal(0, 0.12) * (x - rng.uniform(-0.5, 0.5)) ** 2
    wave = rng.normal(0, 0.012) * torch.sin(rng.uniform(2, 9) * x + rng.uniform(0, 6.3))
    return bow + wave
