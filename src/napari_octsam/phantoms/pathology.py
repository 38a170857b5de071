"""Lesions with a body: mounds under the retina, cysts in it, and how the retina yields to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from napari_octsam.phantoms.anatomy import Eye
from napari_octsam.phantoms.bands import Finding
from napari_octsam.phantoms.fields import Curve, Curves, dome, smooth_curve

__all__ = ["Cyst", "Tissue", "cyst_mask", "grow_tissue"]

_INL, _ONL = 2, 4
"""Rows of `Eye.thickness` that hold fluid."""

_MOUNDS: dict[Finding, tuple[float, float, float]] = {
    Finding.PIGMENT_EPITHELIAL_DETACHMENT: (10, 50, 1.0),
    Finding.FIBROSIS: (10, 32, 0.7),
    Finding.SUBRETINAL_HYPERREFLECTIVE_MATERIAL: (9, 32, 0.8),
    Finding.SUBRETINAL_FLUID: (9, 45, 1.2),
}
"""Lesions that lift the retina, bottom to top: least and greatest height, and the dome's power."""


@dataclass(frozen=True)
class Cyst:
    """An oval pocket of intraretinal fluid; sizes in pixels."""

    layer: int
    """Row of `Eye.thickness` that it fills."""
    col: float
    half_height: float
    half_width: float
    turn: float
    """Turns the irregularity of the outline, in radians."""


@dataclass(frozen=True)
class Tissue:
    """The retina after lesions have grown in it."""

    interfaces: NDArray[np.float32]
    """Rows between the bands, (12, W), top to bottom."""
    cysts: tuple[Cyst, ...]

    @property
    def is_wet(self) -> bool:
        """Whether there is fluid or other material in or under the retina."""
        return bool(self.cysts) or float((self.interfaces[9] - self.interfaces[6]).max()) > 1


def grow_tissue(rng: np.random.Generator, eye: Eye, findings: Collection[Finding]) -> Tissue:
    """Lift, swell and wrinkle a healthy eye by its findings, and place it in the image."""
    width = eye.shape[1]
    focus = float(np.clip(rng.normal(eye.fovea, 0.12 * width), 0.25 * width, 0.75 * width))
    ped, fibrosis, material, fluid = (
        _mound(rng, eye, focus, *limits) if finding in findings else np.zeros(width, np.float32)
        for finding, limits in _MOUNDS.items()
    )
    layers = eye.thickness.copy()
    lift = ped + fibrosis + material + fluid
    layers[:5] *= 1 - 0.25 * lift / (lift + 40 * eye.scale)
    layers[6] *= 1 - 0.4 * ped / (ped + 10 * eye.scale)
    cysts = _draw_cysts(rng, eye, focus) if Finding.INTRARETINAL_FLUID in findings else ()
    layers = _swell(layers, cysts)
    if Finding.EPIRETINAL_MEMBRANE in findings:
        layers[:3] *= 1 + rng.uniform(0.05, 0.3) * dome(width, focus, 0.5 * width)
        layers[0] += eye.scale * (1.5 + np.clip(smooth_curve(rng, width, 0.02 * width), -1, 1.5))
    bands = np.stack([*layers[:6], fluid, material, fibrosis, layers[6], ped])
    heights = np.cumsum(bands[::-1], axis=0)[::-1]
    interfaces = np.vstack([eye.bruch - heights, eye.bruch])
    return Tissue(_place(rng, eye, interfaces, findings), cysts)


def _mound(
    rng: np.random.Generator, eye: Eye, focus: float, least: float, greatest: float, power: float
) -> Curve:
    """Return the height (W,) of one or two neighbouring domes with a lumpy surface."""
    width = eye.shape[1]
    mound = np.zeros(width, np.float32)
    for _ in range(rng.choice([1, 1, 2])):
        height = max(3.0, eye.scale * least * (greatest / least) ** rng.beta(1.2, 1.5))
        half_width = np.clip(height * rng.uniform(2.5, 8), 0.05 * width, 0.25 * width)
        centre = np.clip(rng.normal(focus, 0.12 * width), 0.15 * width, 0.85 * width)
        mound = np.maximum(mound, height * dome(width, centre, half_width, power))
    wobble = np.clip(1 + 0.12 * smooth_curve(rng, width, 0.03 * width), 0.6, 1.4)
    return np.asarray(mound * wobble)


def _draw_cysts(rng: np.random.Generator, eye: Eye, focus: float) -> tuple[Cyst, ...]:
    """Draw a cluster of cysts around the column `focus`."""
    width = eye.shape[1]
    spread, largest = width * rng.uniform(0.02, 0.12), rng.uniform(5, 16)
    cysts = []
    for _ in range(rng.integers(1, 11)):
        half_height = max(2.5, eye.scale * rng.uniform(2.5, largest))
        cyst = Cyst(
            layer=int(rng.choice([_INL, _INL, _ONL])),
            col=float(np.clip(rng.normal(focus, spread), 0.12 * width, 0.88 * width)),
            half_height=half_height,
            half_width=half_height * rng.uniform(0.7, 1.6),
            turn=rng.uniform(0, 2 * np.pi),
        )
        cysts.append(cyst)
    return tuple(cysts)


def _swell(layers: Curves, cysts: Collection[Cyst]) -> Curves:
    """Return layer heights (7, W) that make room for the cysts."""
    width = layers.shape[1]
    swelling = np.zeros_like(layers)
    for cyst in cysts:
        reach = max(4 * cyst.half_width, 0.07 * width)
        bump = 2.4 * cyst.half_height * dome(width, cyst.col, reach, 2)
        swelling[cyst.layer] = np.maximum(swelling[cyst.layer], bump)
    swelling = gaussian_filter1d(swelling, 0.02 * width, axis=1, mode="nearest")
    return np.asarray(np.maximum(layers, swelling + 0.4 * layers))


def _place(
    rng: np.random.Generator,
    eye: Eye,
    interfaces: NDArray[np.floating],
    findings: Collection[Finding],
) -> NDArray[np.float32]:
    """Shift the retina into the image, with room above for a hyaloid and below for a choroid."""
    height = eye.shape[0]
    above = height * (0.16 if Finding.POSTERIOR_HYALOID_MEMBRANE in findings else 0.08)
    below = height * (0.18 if Finding.CHOROID_BORDER in findings else 0.08)
    top, bottom = float(interfaces.min()), float(interfaces.max())
    squeeze = min(1.0, (height - above - below) / (bottom - top))
    slack = height - above - below - squeeze * (bottom - top)
    start = above + slack * rng.beta(2, 2.5)
    return (start + (interfaces - top) * squeeze).astype(np.float32)


def cyst_mask(tissue: Tissue, height: int) -> NDArray[np.bool_]:
    """Return which pixels (height, W) lie in a cyst, before the retina's limits cut them."""
    mask = np.zeros((height, tissue.interfaces.shape[1]), np.bool_)
    for cyst in tissue.cysts:
        row = float(tissue.interfaces[cyst.layer : cyst.layer + 2, round(cyst.col)].mean())
        centre = np.array([row, cyst.col])
        reach = 1.3 * np.array([cyst.half_height, cyst.half_width]) + 1
        low = np.maximum(centre - reach, 0).astype(int)
        high = np.minimum(centre + reach + 1, mask.shape).astype(int)
        rows, cols = np.ogrid[low[0] : high[0], low[1] : high[1]]
        y, x = (rows - row) / cyst.half_height, (cols - cyst.col) / cyst.half_width
        angle = np.arctan2(y, x)
        outline = 1 + 0.1 * np.cos(2 * angle + cyst.turn) + 0.06 * np.cos(3 * angle - cyst.turn)
        mask[low[0] : high[0], low[1] : high[1]] |= np.hypot(y, x) < outline
    return mask
