"""The prompts that a fine-tuning run learns from, by the names of its settings."""

from __future__ import annotations

import numpy as np

from napari_octsam.core.config import PromptKind
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Point, Prompt
from napari_octsam.training.prompts.simulation import draw_parts, jittered_box, simulate_prompt

__all__ = ["draw_prompt"]


_BOX_REACH = 10  # pixels by which a side of a box is moved at most, as the original project does
_SEVERAL = (2, 5)  # fewest and most points


def draw_prompt(mask: Mask, kind: PromptKind, rng: np.random.Generator) -> Prompt:
    """Draw a prompt of a kind for an object.

    Parameters
    ----------
    mask
        (H, W) bool, not empty.
    """
    match kind:
        case "boxes":
            return Prompt(1, box=jittered_box(mask, rng, _BOX_REACH))
        case "points":
            return Prompt(1, points=_points(mask, 1, rng))
        case "boxes and points":
            return Prompt(1, box=jittered_box(mask, rng, _BOX_REACH), points=_points(mask, 1, rng))
        case "several points":
            fewest, most = _SEVERAL
            return Prompt(1, points=_points(mask, int(rng.integers(fewest, most + 1)), rng))
        case "mixed":
            return simulate_prompt(mask, draw_parts(rng), rng)


def _points(mask: Mask, count: int, rng: np.random.Generator) -> tuple[Point, ...]:
    """Return random pixels of the mask."""
    rows, cols = np.nonzero(mask)
    chosen = rng.integers(len(rows), size=count)
    return tuple(Point(float(rows[i]), float(cols[i])) for i in chosen)
