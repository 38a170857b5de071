"""From drawn shapes and points to prompts: one prompt is one object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Point, Prompt, check_prompt, group
from napari_octsam.gui.layers.bscans import Plane, data_shape, to_image_pixels
from napari_octsam.gui.layers.prompt_layers import class_of_next

if TYPE_CHECKING:
    from napari.layers import Image, Points, Shapes

    from napari_octsam.gui.layers.prompt_layers import PromptLayer

__all__ = [
    "SCRIBBLE_POINTS",
    "Collected",
    "PlacedPrompt",
    "collect",
    "indices_of",
    "rows_on_plane",
]

SCRIBBLE_POINTS = 8
"""Most points that a scribble becomes: SAM was trained with few."""

_ELLIPSE_VERTICES = 64


@dataclass(frozen=True, slots=True, eq=False)
class PlacedPrompt:
    """A prompt and where it was drawn.

    Parameters
    ----------
    prompt
        Checked against the B-scan.
    shapes
        Rows of its shapes in the shapes layer: a box before the scribbles that joined it.
    points
        Rows of its points in the points layer.
    candidate
        The person's choice of mask, 1 to 3; 0 leaves it to the model.
    """

    prompt: Prompt
    shapes: tuple[int, ...]
    points: tuple[int, ...]
    candidate: int = 0


@dataclass(frozen=True, slots=True)
class Collected:
    """The prompts of one B-scan.

    Parameters
    ----------
    placed
        The good ones.
    problems
        A sentence on each of the others.
    """

    placed: tuple[PlacedPrompt, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _DrawnShape:
    rows: tuple[int, ...]
    prompt: Prompt

    @property
    def is_scribble(self) -> bool:
        return self.prompt.box is None


@dataclass(frozen=True, slots=True)
class _DrawnPoint:
    row: int
    point: Point
    class_value: int
    names_class: bool


def collect(shapes: Shapes | None, points: Points | None, image: Image, plane: Plane) -> Collected:
    """Return the prompts that are drawn on one B-scan of an image.

    A rectangle is a box; an ellipse or polygon is its bounding box and a mask; a path or line is
    a scribble of at most `SCRIBBLE_POINTS` positive points. A point, and a scribble that lies
    within a box, belong to the smallest box around them that has their class (a negative point
    to a box of another class, where none of its own is there). The other points of one class
    together are one object. Prompts of other B-scans are left alone.
    """
    shape = tuple(data_shape(image)[axis] for axis in plane.axes)
    problems: list[str] = []
    drawn = _join_scribbles(list(_drawn_shapes(shapes, image, plane, shape, problems)))
    marks = list(_drawn_points(points, image, plane)) if points is not None else []
    objects = [d.prompt for d in drawn]
    grouped = group(objects, [(m.point, _home_class(m, objects)) for m in marks], _class(points))
    drawn_rows = [d.rows for d in drawn] + [()] * (len(grouped) - len(drawn))
    placed = []
    for prompt, own_shapes in zip(grouped, drawn_rows, strict=True):
        own_marks = [m for m in marks if any(m.point is p for p in prompt.points)]
        own = tuple(m.row for m in own_marks)
        if not own_shapes and not any(m.names_class for m in own_marks):
            prompt = replace(prompt, names_class=False)
        try:
            checked = check_prompt(prompt.on(plane.index), (shape[0], shape[1]))
        except UserError as error:
            problems.append(str(error))
        else:
            layer, rows = (shapes, own_shapes) if own_shapes else (points, own)
            candidate = 0 if layer is None else int(layer.features["mask"][rows[0]])
            placed.append(PlacedPrompt(checked, own_shapes, own, candidate))
    return Collected(tuple(placed), tuple(problems))


def rows_on_plane(layer: PromptLayer, image: Image, plane: Plane) -> list[int]:
    """Return the rows of a prompt layer whose prompts lie on one B-scan of an image."""
    indices = indices_of(layer, image, plane)
    return [row for row, index in enumerate(indices) if index == plane.index]


def indices_of(layer: PromptLayer, image: Image, plane: Plane) -> list[tuple[int, ...]]:
    """Return on which B-scan of an image each prompt of a layer lies."""
    centres = [np.atleast_2d(vertices).mean(axis=0) for vertices in layer.data]
    pixels = to_image_pixels(np.array(centres), layer, image, plane)
    return [_index_of(centre[None], plane) for centre in pixels]


def _lies_on(coordinates: npt.NDArray[np.float64], plane: Plane) -> bool:
    return _index_of(coordinates, plane) == plane.index


def _index_of(coordinates: npt.NDArray[np.float64], plane: Plane) -> tuple[int, ...]:
    centre = coordinates[:, list(plane.others)].mean(axis=0)
    return tuple(int(i) for i in np.rint(centre))


def _drawn_shapes(
    layer: Shapes | None,
    image: Image,
    plane: Plane,
    shape: Sequence[int],
    problems: list[str],
) -> Iterable[_DrawnShape]:
    if layer is None:
        return
    features = layer.features
    kinds = zip(layer.data, layer.shape_type, features["class"], features["named"], strict=True)
    for row, (vertices, kind, class_value, named) in enumerate(kinds):
        if kind == "ellipse":
            vertices = _ellipse(vertices)
        coordinates = to_image_pixels(vertices, layer, image, plane)
        if not _lies_on(coordinates, plane):
            continue
        outline = coordinates[:, list(plane.axes)]
        try:
            prompt = _prompt_of(outline, str(kind), int(class_value), (shape[0], shape[1]))
        except UserError as error:
            problems.append(str(error))
        else:
            yield _DrawnShape((row,), replace(prompt, names_class=bool(named)))


def _prompt_of(
    outline: npt.NDArray[np.float64], kind: str, class_value: int, shape: tuple[int, int]
) -> Prompt:
    if kind in ("path", "line"):
        return Prompt(class_value, points=_scribble(outline, shape))
    (row0, col0), (row1, col1) = outline.min(axis=0), outline.max(axis=0)
    box = Box(float(row0), float(col0), float(row1), float(col1))
    mask = None if kind == "rectangle" else _filled(outline, shape)
    return Prompt(class_value, box=box, mask=mask)


def _ellipse(corners: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return vertices of the ellipse in a napari rectangle of four corners, (N, D)."""
    centre = corners.mean(axis=0)
    half_a, half_b = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_VERTICES, endpoint=False)[:, None]
    return np.asarray(centre + np.cos(angle) * half_a + np.sin(angle) * half_b)


def _filled(
    outline: npt.NDArray[np.float64], shape: tuple[int, int]
) -> npt.NDArray[np.bool_] | None:
    from skimage.draw import polygon

    mask = np.zeros(shape, bool)
    mask[polygon(outline[:, 0], outline[:, 1], shape)] = True
    return mask if mask.any() else None


def _scribble(outline: npt.NDArray[np.float64], shape: tuple[int, int]) -> tuple[Point, ...]:
    """Return points evenly along a path, those inside the B-scan."""
    steps = np.linalg.norm(np.diff(outline, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = int(np.clip(along[-1] + 1, 1, SCRIBBLE_POINTS))
    where = np.linspace(0, along[-1], count)
    samples = np.stack([np.interp(where, along, outline[:, i]) for i in (0, 1)], axis=1)
    inside = ((samples >= -0.5) & (samples <= np.array(shape) - 0.5)).all(axis=1)
    if not inside.any():
        raise UserError("A scribble is outside the B-scan: draw it on the object.")
    return tuple(Point(float(row), float(col)) for row, col in samples[inside])


def _join_scribbles(drawn: Sequence[_DrawnShape]) -> list[_DrawnShape]:
    """Give each scribble that lies within a box of its class to the smallest such box."""
    kept = [d for d in drawn if not d.is_scribble]
    for scribble in (d for d in drawn if d.is_scribble):
        home = _home_of(scribble.prompt, kept)
        if home is None:
            kept.append(scribble)
        else:
            box = kept[home]
            joined = replace(box.prompt, points=box.prompt.points + scribble.prompt.points)
            kept[home] = _DrawnShape(box.rows + scribble.rows, joined)
    return kept


def _home_of(scribble: Prompt, drawn: Sequence[_DrawnShape]) -> int | None:
    around = [
        (d.prompt.box.area, i)
        for i, d in enumerate(drawn)
        if d.prompt.box is not None
        and d.prompt.class_value == scribble.class_value
        and all(d.prompt.box.contains(p.row, p.col) for p in scribble.points)
    ]
    return min(around)[1] if around else None


def _drawn_points(layer: Points, image: Image, plane: Plane) -> Iterable[_DrawnPoint]:
    coordinates = to_image_pixels(layer.data, layer, image, plane)
    names = ("class", "named", "sign")
    features = zip(*(layer.features[name] for name in names), strict=True)
    for row, (class_value, named, sign) in enumerate(features):
        if _lies_on(coordinates[row : row + 1], plane):
            r, c = (float(coordinates[row, axis]) for axis in plane.axes)
            yield _DrawnPoint(row, Point(r, c, sign != "-"), int(class_value), bool(named))


def _home_class(mark: _DrawnPoint, objects: Sequence[Prompt]) -> int | None:
    """Return the class that `group` is to look for; None for the box around, of any class."""
    if mark.point.positive:
        return mark.class_value
    around = {
        o.class_value
        for o in objects
        if o.box is not None and o.box.contains(mark.point.row, mark.point.col)
    }
    return None if around and mark.class_value not in around else mark.class_value


def _class(points: Points | None) -> int:
    return 0 if points is None else class_of_next(points)
