"""A healthy macula: where the scan runs, how thick its layers are, how it bends.

Thicknesses are in Spectralis pixels (3.87 um), fitted to manual boundaries of healthy maculae (Tian
et al. 2015, doi 10.1371/journal.pone.0133908).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_octsam.phantoms.fields import Curve, smooth_curve, smooth_curves

__all__ = ["Eye", "draw_eye"]


@dataclass(frozen=True)
class Eye:
    """A healthy eye as one B-scan meets it."""

    shape: tuple[int, int]
    scale: float
    """Rows per Spectralis pixel of 3.87 um."""
    fovea: float
    """Column of the fovea, or of the point nearest to it."""
    bruch: Curve
    """Row of Bruch's membrane relative to its mean, (W,)."""
    thickness: NDArray[np.float32]
    """Rows of RNFL, GCL+IPL, INL, OPL, ONL+IS, OS and RPE, (7, W)."""


def draw_eye(rng: np.random.Generator, shape: tuple[int, int]) -> Eye:
    """Draw a healthy eye and a scan through its macula."""
    height, width = shape
    scale = height / 496 * np.exp(np.clip(rng.normal(0, 0.2), -0.5, 0.45))
    span = rng.uniform(4.5, 9.5)
    fovea = width * rng.uniform(0.3, 0.7)
    across = (np.arange(width, dtype=np.float32) - fovea) / width * span
    nasal = across * rng.choice([-1, 1])
    off_axis = 0.0 if rng.random() < 0.5 else rng.uniform(0.1, 2.5)
    thickness = _thickness(rng, nasal, off_axis) * scale
    bend = abs(rng.normal(0, 0.16)) * (-0.6 if rng.random() < 0.12 else 1)
    bruch = height * (
        rng.normal(0, 0.08) * across / span
        - bend * (across / span) ** 2
        + 0.004 * smooth_curve(rng, width, width / 4)
    )
    bruch += 0.25 * scale * smooth_curve(rng, width, 9)
    bruch -= bruch.mean()
    return Eye(shape, float(scale), float(fovea), bruch.astype(np.float32), thickness)


def _thickness(rng: np.random.Generator, nasal: Curve, off_axis: float) -> NDArray[np.float32]:
    """Return layer heights (7, W) in Spectralis pixels at `nasal` millimetres off the fovea."""
    radius = np.hypot(nasal, off_axis)
    pit = np.exp(-((radius / rng.uniform(0.32, 0.5)) ** 2))
    ring = (radius / rng.uniform(0.95, 1.3)) ** 2
    rim = ring * np.exp(1 - ring)
    nerve = rng.uniform(14, 34) / (1 + np.exp((rng.uniform(3.0, 4.2) - nasal) / 0.7))
    os, rpe = rng.uniform(4.8, 8.5), rng.uniform(8.5, 12)
    layers = np.stack(
        [
            (rng.uniform(3.8, 6.0) + 2.5 * min(off_axis, 2) + nerve) * (1 - pit),
            (rng.uniform(10.5, 15) + rng.uniform(7, 11) * rim) * (1 - 0.75 * pit),
            (rng.uniform(5, 6.5) + rng.uniform(2, 3.5) * rim) * (1 - 0.9 * pit),
            (rng.uniform(5, 6.5) + rng.uniform(1, 2.5) * rim) * (1 - rng.uniform(0.2, 0.9) * pit),
            rng.uniform(15.5, 19)
            + rng.uniform(3.5, 6) * np.exp(-((radius / 1.8) ** 2))
            + rng.uniform(8, 13) * pit,
            os + rng.uniform(2.5, 4) * np.exp(-((radius / 0.45) ** 2)),
            np.full_like(radius, rpe),
        ]
    )
    width = nasal.size
    varied = layers * (1 + 0.05 * smooth_curves(rng, 7, width, width / 8))
    wobble = 0.3 * smooth_curves(rng, 7, width, 12) * np.minimum(1, layers / 3)
    return np.asarray(np.clip(varied + wobble, 0, None), np.float32)
