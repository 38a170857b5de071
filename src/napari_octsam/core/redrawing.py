"""Labels follow boundaries that have moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries, steps_between
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema

__all__ = ["redrawn"]

Labels = npt.NDArray[np.uint8]


def redrawn(labels: Labels, before: Boundaries, after: Boundaries, schema: LabelSchema) -> Labels:
    """Return labels as boundaries have them that moved: only what they moved over changes.

    What lies inside a layer stays as long as it lies in that layer, and classes that the stack does
    not name stay in any case. Above and below all layers, a column goes on as it is just outside of
    them: not labelled, background, or the class of the stack.

    Parameters
    ----------
    labels
        (H, W) label values of the schema.
    before
        Boundaries of these labels; in columns where they are NaN, all is drawn anew.
    after
        Where they are now; columns in which they are NaN stay as they are.
    """
    moved = np.flatnonzero(_differ(before, after) & ~np.isnan(after).any(axis=0))
    if not moved.size:
        return labels
    found = labels.copy()
    found[:, moved] = _drawn(labels[:, moved], before[:, moved], after[:, moved], schema)
    return found


def _differ(before: Boundaries, after: Boundaries) -> npt.NDArray[np.bool_]:
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    return np.asarray(~same.all(axis=0))


def _drawn(labels: Labels, before: Boundaries, after: Boundaries, schema: LabelSchema) -> Labels:
    rows = len(labels)
    steps = steps_between(after, rows)
    changed = (steps != steps_between(before, rows)) | np.isnan(before).any(axis=0)
    values = np.array([step.value for step in schema.stack], np.uint8)
    wanted = values[steps]
    known = np.where(np.isnan(before), after, before)
    top, bottom = _outside(labels, known, schema)
    wanted = np.where(steps == 0, top, wanted)
    wanted = np.where(steps == len(schema.stack) - 1, bottom, wanted)
    drawn: Labels = np.where(changed & ~_stays(labels, steps, schema), wanted, labels)
    return drawn


def _stays(
    labels: Labels, steps: npt.NDArray[np.uint8], schema: LabelSchema
) -> npt.NDArray[np.bool_]:
    """Whether each pixel's label may lie in its step, or lies in none."""
    allowed = np.zeros((len(schema.stack), 256), bool)
    named = {value for step in schema.stack for value in step.members}
    allowed[:, [c.value for c in schema.foreground if c.value not in named]] = True
    for number, step in enumerate(schema.stack):
        allowed[number, list(step.members)] = True
    return np.asarray(allowed[steps, labels])


def _outside(labels: Labels, boundaries: Boundaries, schema: LabelSchema) -> tuple[Labels, Labels]:
    """Return how each column goes on above and below its layers, (W,) label values each."""
    rows, cols = len(labels), np.arange(labels.shape[1])
    first, last = (np.floor(boundaries[edge] + 0.5).astype(np.intp) for edge in (0, -1))
    sides = []
    for step, row in ((schema.stack[0], first - 1), (schema.stack[-1], last)):
        seen = labels[row.clip(0, rows - 1), cols]
        goes_on = (row >= 0) & (row < rows) & np.isin(seen, (0, NOT_LABELLED))
        sides.append(np.where(goes_on, seen, np.uint8(step.value)).astype(np.uint8))
    return sides[0], sides[1]
