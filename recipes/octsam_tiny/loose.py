"""Boxes and clicks as loose as people draw them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Box, Point, Prompt, bounding_box
from napari_octsam.training.prompts.simulation import PromptParts, simulate_prompt

__all__ = ["loose_box", "loose_prompt", "near_miss", "partial_box"]

_KINDS = {
    "exact": 0.35,
    "tight": 0.2,
    "near": 0.15,
    "far": 0.12,
    "half": 0.07,
    "part": 0.06,
    "wide": 0.05,
}
_REACH = {
    "exact": 0.0,
    "tight": 2.0,
    "near": 8.0,
    "far": 16.0,
}  # pixels by which a side lies outside at most
_EVEN = 0.5  # share of the boxes that are as loose on every side
_INWARD = 0.1  # of the reach: most boxes are too large
_WIDE = 64  # columns from which an object is asked for in a part of them, or across the view
_PARTS = (0.15, 0.7)  # of its columns
_SMALL = 900  # pixels up to which a click beside an object means it
_BESIDE = 0.4  # share of the clicks on small objects that miss
_MISS = (8.0, 4.0)  # rows and columns by which they miss: many B-scans are stretched in rows


def loose_prompt(
    mask: Mask,
    others: Mask,
    parts: PromptParts,
    rng: np.random.Generator,
    *,
    few_points: bool,
    class_is_told: bool,
) -> tuple[Mask, Prompt]:
    """Draw a prompt for an object, and what of the object it asks for.

    Parameters
    ----------
    mask
        (H, W) bool, not empty.
    others
        (H, W) bool, what else a click could mean: other objects of the class.
    few_points
        Whether one or two points can mean it.
    class_is_told
        Whether the class is: with it, a box of all rows can mean what one point can.
    """
    box = None
    if parts.box:
        mask, box = _box(mask, rng, few_points and class_is_told)
    prompt = simulate_prompt(mask, parts, rng, few_points=few_points)
    if box is not None:
        return mask, replace(prompt, box=box)
    clicks = parts.positives and not parts.scribble
    if clicks and few_points and mask.sum() <= _SMALL and rng.random() < _BESIDE:
        point = near_miss(mask, others, rng)
        if point is not None:
            return mask, replace(prompt, points=(point, *prompt.points[1:]))
    return mask, prompt


def _box(mask: Mask, rng: np.random.Generator, all_rows: bool) -> tuple[Mask, Box]:
    """Draw a box, of all rows too if it may, and the part of the object that it asks for."""
    kind = rng.choice(list(_KINDS), p=list(_KINDS.values()))
    tight = bounding_box(mask)
    size = tight.row1 - tight.row0 + 1, tight.col1 - tight.col0 + 1
    if kind == "part" and all_rows and size[1] >= _WIDE:
        return partial_box(mask, rng)
    if kind == "half":
        return mask, loose_box(mask, (size[0] / 2, size[1] / 2), rng)
    reach = _REACH.get(kind, _REACH["near"])
    box = loose_box(mask, (reach, reach), rng)
    if kind == "wide" and size[1] >= _WIDE:
        box = replace(box, col0=0.0, col1=mask.shape[1] - 1.0)
    return mask, box


def loose_box(mask: Mask, reach: tuple[float, float], rng: np.random.Generator) -> Box:
    """Draw a box whose sides lie up to `reach` (rows, cols) pixels outside the object.

    Some lie inside it instead: by a tenth of that, or a sixth of the object, at most.
    """
    tight = bounding_box(mask)
    sides = np.full(4, rng.uniform(0, 1)) if rng.random() < _EVEN else rng.uniform(-_INWARD, 1, 4)
    size = np.array([tight.row1 - tight.row0, tight.col1 - tight.col0])
    up, left, down, right = np.maximum(sides * np.tile(reach, 2), -np.tile(size, 2) / 6)
    box = Box(tight.row0 - up, tight.col0 - left, tight.row1 + down, tight.col1 + right)
    return box.clipped((mask.shape[0], mask.shape[1]))


def partial_box(mask: Mask, rng: np.random.Generator) -> tuple[Mask, Box]:
    """Draw a box of all rows over a part of an object's columns, and the object within them."""
    cols = np.flatnonzero(mask.any(axis=0))
    wide = max(int(len(cols) * rng.uniform(*_PARTS)), 1)
    first = int(rng.integers(len(cols) - wide + 1))
    left, right = int(cols[first]), int(cols[first + wide - 1])
    part = np.zeros_like(mask)
    part[:, left : right + 1] = mask[:, left : right + 1]
    return part, Box(0.0, float(left), mask.shape[0] - 1.0, float(right))


def near_miss(mask: Mask, others: Mask, rng: np.random.Generator) -> Point | None:
    """Draw a click beside an object that lies nearer to it than to any other; None if none does."""
    rows, cols = _around(mask)
    sampling = (_MISS[1] / _MISS[0], 1.0)
    near = _distance(mask[rows, cols], sampling)
    beside = (near > 0) & (near <= _MISS[1]) & (near < _distance(others[rows, cols], sampling))
    places = np.argwhere(beside)
    if not len(places):
        return None
    row, col = places[rng.integers(len(places))]
    return Point(float(row + rows.start), float(col + cols.start))


def _distance(mask: Mask, sampling: tuple[float, float]) -> npt.NDArray[np.float64]:
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=sampling))


def _around(mask: Mask) -> tuple[slice, slice]:
    box, margin = bounding_box(mask), int(2 * max(_MISS))
    rows = slice(max(int(box.row0) - margin, 0), int(box.row1) + margin + 1)
    return rows, slice(max(int(box.col0) - margin, 0), int(box.col1) + margin + 1)
