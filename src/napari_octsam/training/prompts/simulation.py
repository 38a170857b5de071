"""Prompts as a person might give them, made from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Box, Point, Prompt, bounding_box

__all__ = [
    "PromptParts",
    "SimulatedObject",
    "draw_parts",
    "jittered_box",
    "simulate_prompt",
]


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedObject:
    """An object of the truth and the prompt that asks for it.

    Parameters
    ----------
    mask
        (H, W) bool.
    prompt
        In the same frame.
    ignored
        (H, W) bool, pixels that do not count, or None.
    named
        Schema and label value of the object, or None where it is several classes together.
    """

    mask: Mask
    prompt: Prompt
    ignored: Mask | None = None
    named: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class PromptParts:
    """What a prompt consists of: a box, points on and off the object or along it, a rough mask."""

    box: bool = False
    positives: int = 0
    negatives: int = 0
    scribble: bool = False
    rough: bool = False


def draw_parts(rng: np.random.Generator) -> PromptParts:
    """Draw what a prompt consists of, as often as a person gives it."""
    which = rng.random()
    if which < 0.55:
        return PromptParts(box=True)
    if which < 0.77:
        return PromptParts(positives=int(rng.choice([1, 1, 1, 2, 3, 5])))
    if which < 0.82:
        return PromptParts(positives=int(rng.integers(3, 9)), scribble=True)
    if which < 0.94:
        return PromptParts(True, int(rng.integers(1, 4)), int(rng.integers(0, 3)))
    return PromptParts(box=True, rough=True)


def simulate_prompt(
    mask: Mask, parts: PromptParts, rng: np.random.Generator, *, few_points: bool = True
) -> Prompt:
    """Return a prompt as a person might give it.

    Parameters
    ----------
    mask
        (H, W) bool, the object; not empty.
    few_points
        Whether one or two points without a box can mean it.
    """
    box = jittered_box(mask, rng) if parts.box else None
    if parts.scribble:
        return Prompt(1, box=box, points=_scribble(mask, parts.positives, rng))
    positives = parts.positives if parts.box or few_points else max(parts.positives, 3)
    points = _points(mask, positives, parts.negatives, rng) if positives else ()
    return Prompt(1, box, points, mask=_rough(mask, rng) if parts.rough else None)


def jittered_box(mask: Mask, rng: np.random.Generator, most: int | None = None) -> Box:
    """Return the mask's bounding box with each side moved by up to `most` pixels.

    A side moves by at most a third of the box, so that a thin layer's box stays on the layer.
    Without `most`, boxes are tight to loose: 0, 2, 6 or 10 pixels.
    """
    tight = bounding_box(mask)
    reach = float(rng.choice([0, 2, 6, 10], p=[0.4, 0.3, 0.2, 0.1]) if most is None else most)
    by_row = min(reach, (tight.row1 - tight.row0) / 3)
    by_col = min(reach, (tight.col1 - tight.col0) / 3)
    row0, row1 = rng.uniform(-by_row, by_row, 2)
    col0, col1 = rng.uniform(-by_col, by_col, 2)
    moved = Box(tight.row0 + row0, tight.col0 + col0, tight.row1 + row1, tight.col1 + col1)
    return moved.clipped((mask.shape[0], mask.shape[1]))


def _points(
    mask: Mask, positives: int, negatives: int, rng: np.random.Generator
) -> tuple[Point, ...]:
    near = _around(mask, 25)
    part = mask[near]
    deep = rng.random() < 0.5
    odds = ndimage.distance_transform_edt(part) ** 2 if deep else part.astype(float)
    points = [Point(r, c, True) for r, c in _drawn(odds, positives, rng)]
    if negatives:
        around = ndimage.distance_transform_edt(~part)
        odds = ((around > 2) & (around < 25)).astype(float)
        points += [Point(r, c, False) for r, c in _drawn(odds, negatives, rng)]
    top, left = near[0].start, near[1].start
    return tuple(Point(p.row + top, p.col + left, p.positive) for p in points)


def _scribble(mask: Mask, count: int, rng: np.random.Generator) -> tuple[Point, ...]:
    """Return points along a stroke through the object, as a line or a path gives them."""
    cols = np.flatnonzero(mask.any(axis=0))
    first, last = np.sort(rng.uniform(0, len(cols) - 1, 2))
    along = np.linspace(first, last, count).round().astype(int)
    points = []
    for col in cols[along]:
        rows = np.flatnonzero(mask[:, col])
        points.append(Point(float(rows[len(rows) // 2]), float(col), True))
    return tuple(points)


def _around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Return the rows and columns of an object, and a margin where the B-scan has one."""
    (part,) = ndimage.find_objects(mask.astype(np.uint8))
    rows, cols = (slice(max(each.start - margin, 0), each.stop + margin) for each in part)
    return rows, cols


def _drawn(
    odds: npt.NDArray[np.float64], count: int, rng: np.random.Generator
) -> list[tuple[float, float]]:
    flat = np.cumsum(odds.ravel())
    if flat[-1] <= 0:
        return []
    places = np.searchsorted(flat, rng.random(count) * flat[-1], side="right")
    return [(float(p // odds.shape[1]), float(p % odds.shape[1])) for p in places]


def _rough(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return the mask as a hasty polygon would have it: smoothed, grown or shrunk."""
    near = _around(mask, 20)
    blurred = ndimage.gaussian_filter(mask[near].astype(np.float32), rng.uniform(1.5, 5.0))
    rough = np.zeros_like(mask)
    rough[near] = blurred > rng.uniform(0.25, 0.6)
    return rough if rough.any() else mask
