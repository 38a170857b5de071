"""Prompts: what a person marks on a B-scan to say which object is meant.

Coordinates are (row, col) in pixels of the B-scan, the centre of the first pixel at (0, 0), so
a B-scan of `shape` covers -0.5 .. shape - 0.5, as in napari.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError

__all__ = [
    "Box",
    "Point",
    "Prompt",
    "bounding_box",
    "check_prompt",
    "group",
]


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-parallel box, (row, col) corners, both inside the object's extent."""

    row0: float
    col0: float
    row1: float
    col1: float

    def contains(self, row: float, col: float) -> bool:
        """Whether the point lies in the box, its border included."""
        return self.row0 <= row <= self.row1 and self.col0 <= col <= self.col1

    @classmethod
    def between(cls, row0: float, col0: float, row1: float, col1: float) -> Box:
        """Return the box between two opposite corners, in any order."""
        return cls(min(row0, row1), min(col0, col1), max(row0, row1), max(col0, col1))

    @property
    def area(self) -> float:
        """Area in pixels; 0 or less where the box is empty or inside out."""
        return max(self.row1 - self.row0, 0.0) * max(self.col1 - self.col0, 0.0)

    def loosened(self, margin: float) -> Box:
        """Return the box that reaches `margin` pixels farther on every side."""
        return Box(self.row0 - margin, self.col0 - margin, self.row1 + margin, self.col1 + margin)

    def clipped(self, shape: tuple[int, int]) -> Box:
        """Return the part of the box inside a B-scan of `shape` (rows, cols)."""
        rows, cols = shape
        return Box(
            min(max(self.row0, 0.0), rows - 1.0),
            min(max(self.col0, 0.0), cols - 1.0),
            min(max(self.row1, 0.0), rows - 1.0),
            min(max(self.col1, 0.0), cols - 1.0),
        )


@dataclass(frozen=True, slots=True)
class Point:
    """A point on the object (`positive`) or off it."""

    row: float
    col: float
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """Everything that marks one object on one B-scan.

    Parameters
    ----------
    class_value
        Label value that the object's pixels get.
    box
        Box around the object, or None.
    points
        Points on and off the object.
    mask
        (H, W) bool in the frame of the B-scan: a rough shape, as a polygon gives; or None.
    bscan
        Index of the B-scan in its volume, slowest axis first; empty for a single B-scan.
    names_class
        Whether a model that knows the class is asked for it; else for whatever is marked.
    """

    class_value: int
    box: Box | None = None
    points: tuple[Point, ...] = ()
    mask: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    bscan: tuple[int, ...] = ()
    names_class: bool = True

    def on(self, bscan: Iterable[int]) -> Prompt:
        """Return the same prompt on another B-scan of the volume."""
        return replace(self, bscan=tuple(bscan))


def bounding_box(mask: npt.NDArray[np.bool_]) -> Box:
    """Return the tight box of the True pixels of an (H, W) mask; ValueError if there are none."""
    rows = np.flatnonzero(mask.any(axis=1))
    cols = np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("an empty mask has no bounding box")
    return Box(float(rows[0]), float(cols[0]), float(rows[-1]), float(cols[-1]))


def check_prompt(prompt: Prompt, shape: tuple[int, int]) -> Prompt:
    """Return the prompt clipped to a B-scan of `shape` (rows, cols).

    Raises
    ------
    UserError
        The prompt marks nothing there: no box and no positive point, a box of zero area or
        wholly outside the B-scan, a point outside it, a coordinate that is not finite.
    """
    box = None if prompt.box is None else _checked_box(prompt.box, shape)
    for point in prompt.points:
        _check_point(point, shape)
    if box is None and prompt.mask is None and not any(p.positive for p in prompt.points):
        what = "only negative points" if prompt.points else "neither a box nor a point"
        raise UserError(f"The object has {what}: add a box or a positive point on it.")
    if prompt.mask is not None and prompt.mask.shape != shape:
        raise UserError(f"The mask prompt is {prompt.mask.shape}, but the B-scan is {shape}.")
    return replace(prompt, box=box)


def _checked_box(box: Box, shape: tuple[int, int]) -> Box:
    corners = (box.row0, box.col0, box.row1, box.col1)
    text = (
        "({:.0f}, {:.0f})-({:.0f}, {:.0f})".format(*corners) if np.isfinite(corners).all() else ""
    )
    if not text:
        raise UserError("A corner of the box is not a finite number.")
    if not box.area:
        raise UserError(f"The box {text} has no area: give it corners around the whole object.")
    rows, cols = shape
    if box.row1 < -0.5 or box.col1 < -0.5 or box.row0 > rows - 0.5 or box.col0 > cols - 0.5:
        raise UserError(f"The box {text} is outside the B-scan of {rows} x {cols} pixels.")
    return box.clipped(shape)


def _check_point(point: Point, shape: tuple[int, int]) -> None:
    if not np.isfinite((point.row, point.col)).all():
        raise UserError("A point's coordinate is not a finite number.")
    rows, cols = shape
    if not (-0.5 <= point.row <= rows - 0.5 and -0.5 <= point.col <= cols - 0.5):
        raise UserError(
            f"The point ({point.row:.0f}, {point.col:.0f}) is outside the B-scan of "
            f"{rows} x {cols} pixels."
        )


def group(
    objects: Sequence[Prompt], points: Iterable[tuple[Point, int | None]], default_class: int
) -> list[Prompt]:
    """Join points on a B-scan with the objects that they belong to.

    A point belongs to the smallest box that contains it and has its class. The points outside
    every such box form one further object a class.

    Parameters
    ----------
    objects
        Prompts of this B-scan, with boxes.
    points
        Each with its class value, or None where it is of the class of the object it joins.
    default_class
        Class of the further object where none of its points has one; it is not named then.
    """
    joined: list[list[Point]] = [list(o.points) for o in objects]
    loose: dict[int, list[Point]] = {}
    without_class: list[Point] = []
    for point, class_value in points:
        home = _smallest_box_around(point, class_value, objects)
        if home is not None:
            joined[home].append(point)
        elif class_value is not None:
            loose.setdefault(class_value, []).append(point)
        else:
            without_class.append(point)
    is_named = bool(loose)
    if without_class:
        loose.setdefault(next(iter(loose), default_class), []).extend(without_class)
    grouped = [replace(o, points=tuple(ps)) for o, ps in zip(objects, joined, strict=True)]
    further = (Prompt(value, points=tuple(ps), names_class=is_named) for value, ps in loose.items())
    return [*grouped, *further]


def _smallest_box_around(
    point: Point, class_value: int | None, objects: Sequence[Prompt]
) -> int | None:
    around = [
        (o.box.area, i)
        for i, o in enumerate(objects)
        if o.box is not None
        and class_value in (None, o.class_value)
        and o.box.contains(point.row, point.col)
    ]
    return min(around)[1] if around else None
