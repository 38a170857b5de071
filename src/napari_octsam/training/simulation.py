"""Prompts as a person might give them, made from the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.core.prompts import Box, Point, Prompt, bounding_box

__all__ = ["SimulatedObject", "draw_objects", "jittered_box", "simulate_prompt"]

Mask = npt.NDArray[np.bool_]

_SMALLEST = 12  # pixels
_PATHOLOGY_SHARE = 0.65  # of the objects of a phantom, which has a map with and one without


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


def draw_objects(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> list[SimulatedObject]:
    """Draw up to `count` objects from the label maps of one B-scan, with a prompt each."""
    return [
        SimulatedObject(mask, simulate_prompt(mask, rng), ignored, named)
        for mask, ignored, named in _draw_masks(maps, count, rng)
        if mask.sum() >= _SMALLEST
    ]


def _draw_masks(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> Iterator[tuple[Mask, Mask | None, tuple[str, int] | None]]:
    names = sorted(maps)
    present = {name: np.setdiff1d(np.unique(maps[name]), [0, NOT_LABELLED]) for name in names}
    names = [name for name in names if present[name].size]
    chosen: set[tuple[str, int]] = set()
    for _ in range(count if names else 0):
        name = "oct14" if rng.random() < _PATHOLOGY_SHARE else names[0]
        name = name if name in names else names[0]
        labels, values = maps[name], present[name]
        value = int(rng.choice(values))
        if (name, value) in chosen and len(chosen) < sum(map(len, present.values())):
            value = int(rng.choice(values))
        chosen.add((name, value))
        ignored = labels == NOT_LABELLED
        mask = labels == value
        named: tuple[str, int] | None = (name, value)
        if name == "layers7":
            if rng.random() < 0.15:
                last = min(value + int(rng.integers(1, 7)), int(values.max()))
                mask = (labels >= value) & (labels <= last)
                named = named if last == value else None
        else:
            mask = _one_component(mask, rng)
        yield mask, ignored if ignored.any() else None, named


def _one_component(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return a random 8-connected component, larger ones more often."""
    components, count = ndimage.label(mask, EIGHT_CONNECTED)
    if count <= 1:
        return mask
    sizes = np.bincount(components.ravel())[1:].astype(float)
    sizes[sizes < _SMALLEST] = 0
    if not sizes.any():
        return mask
    odds = np.sqrt(sizes)
    return np.asarray(components == 1 + rng.choice(count, p=odds / odds.sum()))


def simulate_prompt(mask: Mask, rng: np.random.Generator) -> Prompt:
    """Return a box, points, both, or a box with a rough mask, as a person might give them.

    Parameters
    ----------
    mask
        (H, W) bool, the object; not empty.
    """
    kind = rng.random()
    if kind < 0.60:
        return Prompt(1, box=jittered_box(mask, rng))
    if kind < 0.80:
        return Prompt(1, points=_points(mask, int(rng.choice([1, 1, 1, 2, 3, 5])), 0, rng))
    negatives = int(rng.integers(0, 3))
    points = _points(mask, int(rng.integers(1, 4)), negatives, rng)
    if kind < 0.95:
        return Prompt(1, box=jittered_box(mask, rng), points=points)
    return Prompt(1, box=jittered_box(mask, rng), mask=_rough(mask, rng))


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
    depth = ndimage.distance_transform_edt(mask)
    odds = mask.astype(float) if rng.random() < 0.5 else depth**2
    points = [Point(r, c, True) for r, c in _drawn(odds, positives, rng)]
    if negatives:
        around = ndimage.distance_transform_edt(~mask)
        odds = ((around > 2) & (around < 25)).astype(float)
        points += [Point(r, c, False) for r, c in _drawn(odds, negatives, rng)]
    return tuple(points)


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
    blurred = ndimage.gaussian_filter(mask.astype(np.float32), rng.uniform(1.5, 5.0))
    rough = blurred > rng.uniform(0.25, 0.6)
    return rough if rough.any() else mask
