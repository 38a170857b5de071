"""The choroid: a bright capillaris, vessels that grow with depth, and the light's decay."""

from __future__ import annotations

import numpy as np

from napari_octsam.phantoms.anatomy import Eye
from napari_octsam.phantoms.fields import Curve, Picture, smooth_curve, smooth_texture
from napari_octsam.phantoms.pathology import Tissue

__all__ = ["fill_choroid"]


def fill_choroid(
    rng: np.random.Generator,
    eye: Eye,
    tissue: Tissue,
    granular: Picture,
    border: Curve | None,
    picture: Picture,
) -> None:
    """Fill `picture` (H, W) below Bruch's membrane with mean grey levels, in place.

    `granular` is a texture (H, W) of unit variance; `border` holds the rows (W,) of the sclera,
    which shows no vessels, where the light reaches it.
    """
    height = eye.shape[0]
    scale = eye.scale
    bruch = np.rint(tissue.interfaces[-1]).astype(np.int64)
    start = int(np.clip(bruch.min(), 0, height - 1))
    rows = np.arange(start, height)[:, None]
    below = np.clip(rows - bruch, 0, height)

    reach = np.arange(height + 1, dtype=np.float32)
    decay = scale * (rng.uniform(60, 130) if border is not None else rng.uniform(22, 75))
    light = rng.uniform(110, 150) * np.exp(-reach / decay) + 20 * np.exp(-reach / (3 * scale))
    lumen = np.clip((reach - 8 * scale) / (18 * scale), 0, 1) * rng.uniform(0.3, 0.75)

    grain = granular[start:]
    vessels = smooth_texture(rng, grain.shape, (10 * scale, 14 * scale))
    vessels = np.clip(1.2 * vessels + 0.3 * grain, 0, 1)
    if border is not None:
        vessels *= rows < border
    choroid = light[below] * (1 - vessels * lumen[below])
    choroid *= 1 + rng.uniform(0.12, 0.26) * grain
    choroid *= _streaks(rng, eye, tissue)
    np.copyto(picture[start:], choroid, where=rows >= bruch)


def _streaks(rng: np.random.Generator, eye: Eye, tissue: Tissue) -> Curve:
    """Return how much light passes the RPE, (W,): uneven, and less where a lesion stands on it."""
    edges = tissue.interfaces
    lift = edges[11] - edges[10] + edges[9] - edges[7]
    shade = 1 - rng.uniform(0.1, 0.6) * np.clip(lift / (20 * eye.scale), 0, 1)
    uneven = 1 + rng.uniform(0.02, 0.12) * smooth_curve(rng, eye.shape[1], 4 * eye.scale)
    streaks: Curve = np.clip(shade * uneven, 0, None)
    return streaks
