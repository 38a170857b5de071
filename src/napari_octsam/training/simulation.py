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
from napari_octsam.io.synthetic import Finding, Tissue

__all__ = [
    "PromptParts",
    "SimulatedObject",
    "draw_objects",
    "draw_parts",
    "jittered_box",
    "simulate_prompt",
]

Mask = npt.NDArray[np.bool_]

_SMALLEST = 12  # pixels
_CLASS_SHARE = 0.65  # of the objects of a B-scan with findings that are classes of oct14
_HEALTHY_SHARE = 0.2  # of those of a healthy one, where oct14 says little beside the layers
_HEALTHY = (*Tissue, Finding.IMAGE_PADDING)
_PADDING_SHARE = 0.2  # it is in most views: of those that have it, so many show it


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


def draw_objects(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> list[SimulatedObject]:
    """Draw up to `count` objects from the label maps of one B-scan, with a prompt each.

    Their prompts have the same parts, where one point can mean each, to be decoded together.
    """
    parts = draw_parts(rng)
    objects = []
    for name, value in _draw_classes(maps, count, rng):
        labels = maps[name]
        several, mask = _draw_mask(name, labels, value, rng)
        if mask.sum() < _SMALLEST:
            continue
        # one point in the retina would rather mean a layer
        few = (name, value) != ("oct14", Tissue.NEUROSENSORY_RETINA)
        prompt = simulate_prompt(mask, parts, rng, few_points=few)
        ignored = labels == NOT_LABELLED
        named = None if several else (name, value)
        objects.append(SimulatedObject(mask, prompt, ignored if ignored.any() else None, named))
    return objects


def _draw_classes(
    maps: dict[str, npt.NDArray[np.uint8]], count: int, rng: np.random.Generator
) -> Iterator[tuple[str, int]]:
    """Draw schemas and classes of theirs that the maps show."""
    names = sorted(maps)
    present = {name: np.setdiff1d(np.unique(maps[name]), [0, NOT_LABELLED]) for name in names}
    if rng.random() >= _PADDING_SHARE and "oct14" in present:
        present["oct14"] = np.setdiff1d(present["oct14"], Finding.IMAGE_PADDING)
    names = [name for name in names if present[name].size]
    chosen: set[tuple[str, int]] = set()
    healthy = not np.setdiff1d(present.get("oct14", ()), _HEALTHY).size
    share = _HEALTHY_SHARE if healthy else _CLASS_SHARE
    for _ in range(count if names else 0):
        name = "oct14" if rng.random() < share else names[0]
        name = name if name in names else names[0]
        value = int(rng.choice(present[name]))
        if (name, value) in chosen and len(chosen) < sum(map(len, present.values())):
            value = int(rng.choice(present[name]))
        chosen.add((name, value))
        yield name, value


def _draw_mask(
    name: str, labels: npt.NDArray[np.uint8], value: int, rng: np.random.Generator
) -> tuple[bool, Mask]:
    """Draw a mask of a class, and tell whether it is several: some layers from one on."""
    if name != "layers7":
        return False, _one_component(labels == value, rng)
    last = value
    if rng.random() < 0.15:
        last = min(value + int(rng.integers(1, 7)), int(labels[labels != NOT_LABELLED].max()))
    return last > value, (labels >= value) & (labels <= last)


def _one_component(mask: Mask, rng: np.random.Generator) -> Mask:
    """Return a random 8-connected component, larger ones more often; all where all are tiny."""
    components, count = ndimage.label(mask, EIGHT_CONNECTED)
    if count <= 1:
        return mask
    sizes = np.bincount(components.ravel())[1:].astype(float)
    sizes[sizes < _SMALLEST] = 0
    if not sizes.any():
        return mask
    odds = np.sqrt(sizes)
    return np.asarray(components == 1 + rng.choice(count, p=odds / odds.sum()))


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
