"""Thin lines above and below the retina: hyaloid, epiretinal membrane, choroid border."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from napari_octsam.phantoms.anatomy import Eye
from napari_octsam.phantoms.bands import Finding
from napari_octsam.phantoms.fields import Curve, dome, smooth_curve
from napari_octsam.phantoms.pathology import Tissue

__all__ = ["Line", "draw_lines"]


@dataclass(frozen=True)
class Line:
    """A thin bright band: a membrane or an interface."""

    finding: Finding
    top: Curve
    """Upper row, (W,)."""
    thickness: float
    """Rows."""
    strength: Curve
    """Relative brightness, (W,); 0 where the line is absent."""


def draw_lines(
    rng: np.random.Generator, eye: Eye, tissue: Tissue, findings: Collection[Finding]
) -> list[Line]:
    """Draw the membranes and the choroid border that `findings` ask for."""
    makers = {
        Finding.CHOROID_BORDER: _choroid_border,
        Finding.POSTERIOR_HYALOID_MEMBRANE: _hyaloid,
        Finding.EPIRETINAL_MEMBRANE: _epiretinal_membrane,
    }
    return [make(rng, eye, tissue) for finding, make in makers.items() if finding in findings]


def _choroid_border(rng: np.random.Generator, eye: Eye, tissue: Tissue) -> Line:
    height, width = eye.shape
    bruch = tissue.interfaces[-1]
    deep = rng.uniform(40, 110) * eye.scale
    depth = deep * (1 + 0.12 * smooth_curve(rng, width, width / 3)) + eye.scale * smooth_curve(
        rng, width, width / 12
    )
    thickness = max(2.0, rng.uniform(2, 4) * min(1.4, eye.scale))
    top = np.clip(bruch + np.maximum(depth, 8), None, height - thickness - 3)
    return Line(Finding.CHOROID_BORDER, top, thickness, np.ones(width, np.float32))


def _hyaloid(rng: np.random.Generator, eye: Eye, tissue: Tissue) -> Line:
    width = eye.shape[1]
    ilm = tissue.interfaces[0]
    arch = 1 - rng.uniform(0.2, 0.9) * dome(width, rng.uniform(0, width), 0.6 * width)
    gap = rng.uniform(0.3, 1.0) * float(ilm.min()) * arch
    gap = np.maximum(gap + eye.scale * smooth_curve(rng, width, width / 6), 5)
    smoothed = uniform_filter1d(ilm, width // 4, mode="nearest")
    top = np.maximum(np.minimum(smoothed - gap, ilm - 5), 3)
    strength = np.clip(rng.uniform(0.4, 0.9) + 0.3 * smooth_curve(rng, width, width / 10), 0.2, 1.2)
    thickness = max(2.0, rng.uniform(1.6, 3.2) * min(1.4, eye.scale))
    return Line(Finding.POSTERIOR_HYALOID_MEMBRANE, top, thickness, strength)


def _epiretinal_membrane(rng: np.random.Generator, eye: Eye, tissue: Tissue) -> Line:
    width = eye.shape[1]
    thickness = max(2.0, rng.uniform(2, 4.5) * eye.scale)
    gap = eye.scale * np.clip(rng.uniform(0.5, 3) * smooth_curve(rng, width, width / 20), 0, 6)
    centre, half = rng.uniform(0.3, 0.7) * width, rng.uniform(0.2, 0.7) * width
    cols = np.arange(width)
    strength = (np.abs(cols - centre) < half) * np.clip(
        1 + 0.15 * smooth_curve(rng, width, width / 20), 0.6, 1.3
    )
    top = np.maximum(tissue.interfaces[0] - gap - thickness, 0)
    return Line(Finding.EPIRETINAL_MEMBRANE, top, thickness, strength)
