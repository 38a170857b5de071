"""Layers as ordered boundaries: one row in each column, from the uppermost boundary down.

Boundary k of a schema's stack lies between its steps k and k + 1, so that n layers have n + 1
boundaries. Step k covers the rows from round(boundary k - 1) to round(boundary k) - 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema

__all__ = [
    "STEEPEST",
    "Boundaries",
    "boundaries_of",
    "layers_between",
    "lie_upside_down",
    "pushed_down",
    "pushed_up",
    "steps_between",
]

Boundaries = npt.NDArray[np.float32]
"""(boundaries, W) rows, from top to bottom, not falling; NaN in columns without layers."""

STEEPEST = 3
"""Rows by which a boundary may go up or down from a column to the next."""


def steps_between(boundaries: npt.NDArray[np.floating], rows: int) -> npt.NDArray[np.uint8]:
    """Return the step of the stack that each pixel is of, (rows, W): 0 above all boundaries.

    Parameters
    ----------
    boundaries
        (n, W) rows, not falling from top to bottom. Where they are NaN every pixel is of step 0.
    """
    begins = np.floor(boundaries + 0.5)
    steps = np.zeros((rows, boundaries.shape[1]), np.uint8)
    for begin in begins:
        steps += np.arange(rows)[:, None] >= begin
    return steps


def layers_between(
    boundaries: npt.NDArray[np.floating], schema: LabelSchema, rows: int
) -> npt.NDArray[np.uint8]:
    """Label each pixel by the step of the schema's stack that it is of.

    Returns
    -------
    (rows, W) uint8 label values; `NOT_LABELLED` in columns where a boundary is NaN.
    """
    values = np.array([step.value for step in schema.stack], np.uint8)
    labels: npt.NDArray[np.uint8] = values[steps_between(boundaries, rows)]
    labels[:, np.isnan(boundaries).any(axis=0)] = NOT_LABELLED
    return labels


def boundaries_of(labels: npt.NDArray[np.uint8], schema: LabelSchema) -> Boundaries:
    """Return the boundaries between the layers of a labels image: the inverse of `layers_between`.

    What lies inside a layer is of it. Other pixels among the layers, such as artifacts, are taken
    for what is above them; a layer that a column lacks has no height there.

    Parameters
    ----------
    labels
        (H, W) label values of the schema.

    Returns
    -------
    NaN in columns that show no layer, or layers in another order.
    """
    rows, layers = len(labels), len(schema.layers)
    step_of = np.zeros(256, np.uint8)
    for number, layer in enumerate(schema.layers, start=1):
        step_of[list(layer.members)] = number
    seen = step_of[labels]
    steps = np.maximum.accumulate(seen, axis=0)
    ordered = seen.any(axis=0) & ((seen == 0) | (seen == steps)).all(axis=0)
    ends = rows - (seen[::-1] > 0).argmax(axis=0)
    steps[np.arange(rows)[:, None] >= ends] = layers + 1
    found = np.stack([(steps <= number).sum(axis=0) for number in range(layers + 1)])
    return np.where(ordered, found, np.nan).astype(np.float32)


def lie_upside_down(labels: npt.NDArray[np.uint8], schema: LabelSchema) -> bool:
    """Whether three layers or more of (H, W) labels lie in the reverse order, by mean rows."""
    rows, cols = labels.shape
    flat = labels.ravel()
    pixels = np.bincount(flat, minlength=256)
    sums = np.bincount(flat, np.repeat(np.arange(rows, dtype=float), cols), minlength=256)
    seen = [layer.value for layer in schema.layers if pixels[layer.value]]
    depths = sums[seen] / pixels[seen]
    return len(seen) >= 3 and bool((np.diff(depths) < 0).all())


def pushed_down(boundaries: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Return the highest boundaries, none of them above the given ones, with layers in one piece.

    That is: no boundary is steeper than `STEEPEST`, and each layer is a row high at least and meets
    itself by the side of a pixel in the next column. All are differences between two boundaries'
    rows of at least so much, so that each is pushed by the one above it, once.

    Parameters
    ----------
    boundaries
        (n, W) rows, at whatever order.
    """
    found = boundaries.copy()
    for number, boundary in enumerate(found):
        if number:
            above = np.pad(found[number - 1], 1, mode="edge")
            highest = np.maximum(np.maximum(above[:-2], above[2:]), above[1:-1])
            np.maximum(boundary, highest + 1, out=boundary)
        _rise_no_steeper(boundary)
    return found


def pushed_up(boundaries: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Return the lowest such boundaries, none of them below the given ones; see `pushed_down`."""
    return -pushed_down(-boundaries[::-1])[::-1]


def _rise_no_steeper(boundary: npt.NDArray[np.int_]) -> None:
    """Let a boundary (W,) fall to its greatest rows from both sides as steeply as it may."""
    fall = STEEPEST * np.arange(len(boundary))
    from_left = np.maximum.accumulate(boundary + fall) - fall
    from_right = np.maximum.accumulate((boundary - fall)[::-1])[::-1] + fall
    np.maximum(from_left, from_right, out=boundary)
