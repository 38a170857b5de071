"""How much light each tissue sends back: mean grey levels before blur and speckle.

Levels are those of averaged Spectralis B-scans of healthy maculae.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from napari_octsam.phantoms.anatomy import Eye
from napari_octsam.phantoms.bands import Band, Finding
from napari_octsam.phantoms.choroid import fill_choroid
from napari_octsam.phantoms.fields import (
    Curve,
    Curves,
    Picture,
    dome,
    smooth_curve,
    smooth_curves,
    smooth_texture,
)
from napari_octsam.phantoms.membranes import Line
from napari_octsam.phantoms.pathology import Tissue

__all__ = ["illuminate"]

_TEXTURE = np.array([0, 9, 7, 6, 8, 3, 5, 2, 16, 18, 6, 14, 0, 2], np.float32)
"""Contrast of the coarse texture in each band, in grey levels."""

_LINE_LEVEL = {
    Finding.EPIRETINAL_MEMBRANE: 190.0,
    Finding.POSTERIOR_HYALOID_MEMBRANE: 75.0,
    Finding.CHOROID_BORDER: 50.0,
}


def illuminate(
    rng: np.random.Generator,
    eye: Eye,
    tissue: Tissue,
    bands: NDArray[np.uint8],
    lines: Collection[Line],
) -> Picture:
    """Return the mean grey level (H, W) of each pixel."""
    levels = _levels(rng, eye)
    picture = levels[bands, np.arange(eye.shape[1])]
    granular = smooth_texture(rng, eye.shape, (max(1.5, 2 * eye.scale), max(2.0, 3.5 * eye.scale)))
    picture += (_TEXTURE * rng.uniform(0.6, 1.8))[bands] * granular
    border = next((line.top for line in lines if line.finding is Finding.CHOROID_BORDER), None)
    fill_choroid(rng, eye, tissue, granular, border, picture)
    _add_reflexes(rng, eye, tissue, picture)
    if tissue.is_wet:
        _add_foci(rng, eye, tissue, picture)
    picture[bands == Band.CYST] = levels[Band.CYST, 0]
    for line in lines:
        level = _LINE_LEVEL[line.finding] * line.strength
        _add_line(picture, line.top + line.thickness / 2, level, line.thickness / 2.2)
    _cast_shadows(rng, eye, tissue, picture)
    picture *= 1 + 0.05 * smooth_curve(rng, eye.shape[1], eye.shape[1] / 4)
    return picture


def _levels(rng: np.random.Generator, eye: Eye) -> Curves:
    """Return the grey level of each band in each column, (14, W)."""
    width = eye.shape[1]
    inl = rng.normal(92, 9)
    fluid = rng.uniform(0, 16)
    serous = rng.random() < 0.5
    levels = np.zeros((len(Band), width), np.float32)
    levels[Band.RNFL] = 130 + 60 * np.clip(eye.thickness[0] / eye.scale / 14, 0, 1)
    levels[Band.GCL_IPL] = rng.normal(120, 9)
    levels[Band.INL] = inl
    levels[Band.OPL] = inl + rng.normal(24, 5)
    levels[Band.ONL_IS] = inl - rng.uniform(18, 38)
    levels[Band.OS] = rng.uniform(110, 165)
    levels[Band.SUBRETINAL_FLUID] = fluid
    levels[Band.SUBRETINAL_MATERIAL] = rng.uniform(90, 150)
    levels[Band.FIBROSIS] = rng.uniform(140, 200)
    levels[Band.RPE] = rng.normal(187, 9)
    levels[Band.BELOW_RPE] = rng.uniform(6, 30) if serous else rng.uniform(45, 110)
    levels[Band.CYST] = fluid
    levels[1:7] += 4 * smooth_curves(rng, 6, width, width / 6)
    return levels


def _add_reflexes(rng: np.random.Generator, eye: Eye, tissue: Tissue, picture: Picture) -> None:
    """Draw what is finer than a layer: ILM, IPL, ELM, ellipsoid zone, RPE, Bruch's membrane."""
    edges, scale = tissue.interfaces, eye.scale
    bright = 1 + 0.06 * smooth_curve(rng, eye.shape[1], 25)
    intact = bright * (1 - 0.85 * np.clip((edges[9] - edges[7]) / (8 * scale), 0, 1))
    attached = 1 - np.clip(edges[9] - edges[6], 0, 2) / 2
    thick = np.clip((edges[2] - edges[1]) / (14 * scale), 0, 1)
    detached = np.clip((edges[11] - edges[10]) / (3 * scale), 0, 1)
    reflexes = [
        (edges[0] + 1.2 * scale, rng.uniform(0, 40) * bright, 1.2),
        (edges[2] - 3.5 * scale, rng.uniform(0, 16) * thick, 3.0),
        (edges[5] - 6.5 * scale, rng.uniform(25, 60) * intact, 0.7),
        (edges[5] + 2.3 * scale, rng.uniform(75, 115) * intact, 1.3),
        (edges[6], -rng.uniform(10, 95) * attached, 0.8),
        ((edges[9] + edges[10]) / 2, 28 * bright, 2.5),
        (edges[11] - 0.5 * scale, 70 * detached, 0.9),
    ]
    for centre, level, sigma in reflexes:
        _add_line(picture, centre, level, sigma * scale)


def _add_foci(rng: np.random.Generator, eye: Eye, tissue: Tissue, picture: Picture) -> None:
    """Sprinkle hyperreflective foci over the middle and outer retina."""
    width = eye.shape[1]
    centre = rng.uniform(0.2, 0.8) * width
    for _ in range(rng.poisson(8)):
        col = int(np.clip(rng.normal(centre, 0.1 * width), 4, width - 5))
        row = rng.uniform(tissue.interfaces[2, col], tissue.interfaces[5, col])
        half = max(1, round(eye.scale * rng.uniform(1, 2.5)))
        cols = slice(max(0, col - 2 * half), col + 2 * half + 1)
        spot = rng.uniform(50, 120) * dome(width, col, 2 * half)[cols]
        _add_line(picture[:, cols], np.full(spot.size, row, np.float32), spot, 0.8 * half)


def _cast_shadows(rng: np.random.Generator, eye: Eye, tissue: Tissue, picture: Picture) -> None:
    """Draw retinal vessels, each a bright wall in the inner retina and a shadow beneath it."""
    height, width = eye.shape
    rows = np.arange(height, dtype=np.int16)[:, None]
    ilm, inner = tissue.interfaces[0], tissue.interfaces[2]
    for _ in range(rng.poisson(4)):
        centre, half = rng.uniform(0, width), max(1.5, eye.scale * rng.uniform(1.5, 9))
        cols = slice(max(0, int(centre - half)), int(centre + half) + 2)
        profile = dome(width, centre, half)[cols]
        start = (ilm + rng.uniform(0.3, 1) * (inner - ilm))[cols]
        picture[:, cols] *= 1 - 0.65 * rng.beta(1, 1.6) * profile * (rows > start)
        if half > 3 * eye.scale:
            _add_line(picture[:, cols], start, rng.uniform(20, 70) * profile, 0.6 * half)
    streaks = 1 - 0.04 * np.abs(smooth_curve(rng, width, 3))
    first = max(0, int(inner.min()))
    picture[first:] *= np.where(rows[first:] > inner, streaks, 1)


def _add_line(picture: Picture, centre: Curve, level: Curve, sigma: float) -> None:
    """Add a line of Gaussian profile along the rows `centre` (W,), in place."""
    sigma = max(0.7, sigma)
    cols = np.arange(centre.size)
    middle = np.rint(centre).astype(np.int64)
    reach = int(3 * sigma) + 1
    for offset in range(-reach, reach + 1):
        rows = middle + offset
        inside = (rows >= 0) & (rows < picture.shape[0])
        profile = level * np.exp(-0.5 * ((rows - centre + 0.5) / sigma) ** 2)
        picture[rows[inside], cols[inside]] += profile[inside]
