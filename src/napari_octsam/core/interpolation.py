"""Labels of a B-scan between two that are right: heights of boundaries, shapes of regions."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.boundaries import Boundaries, boundaries_of, layers_between, steps_between
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.masks import Mask
from napari_octsam.core.tracing import Costs, trace

__all__ = ["between", "boundaries_between", "mask_between", "snapped"]

Labels = npt.NDArray[np.uint8]

_BARRED = np.float32(1e4)  # dearer than any path
_PULL = np.float32(0.5)  # nats a row away from where a boundary is looked for


def boundaries_between(first: Boundaries, second: Boundaries, share: float) -> Boundaries:
    """Return boundaries on the straight way from the first to the second.

    Parameters
    ----------
    share
        Of the way, 0 to 1.

    Returns
    -------
    NaN in columns in which either is.
    """
    part = np.float32(share)
    return (1 - part) * first + part * second


def mask_between(first: Mask, second: Mask, share: float) -> Mask:
    """Return the (H, W) shape on the way from the first to the second, by signed distances.

    A region that one of the two lacks shrinks to nothing on its way there.

    Parameters
    ----------
    share
        Of the way, 0 to 1.
    """
    if not (first.any() or second.any()):
        return first
    inside = _signed_distance(first), _signed_distance(second)
    one, other = (
        np.full(first.shape, -far.max(), np.float32) if not mask.any() else near
        for mask, near, far in zip((first, second), inside, inside[::-1], strict=True)
    )
    return np.asarray((1 - share) * one + share * other > 0)


def snapped(boundaries: Boundaries, costs: Costs, within: int = 4) -> Boundaries:
    """Return boundaries traced anew close to where they are expected.

    Parameters
    ----------
    costs
        (W, boundaries, H + 1): `core.tracing.boundary_costs` of what a model sees, or edges.
    within
        Rows that one may move by.

    Returns
    -------
    NaN in the columns in which they were.
    """
    known = np.asarray(np.isfinite(boundaries).all(axis=0))
    if not known.any():
        return boundaries
    away = np.abs(np.arange(costs.shape[2]) - _filled(boundaries, known).T[..., None])
    pull = (_PULL * away + _BARRED * (away > within)).astype(np.float32)
    traced = trace(costs + pull)
    return np.where(known, traced, np.nan).astype(np.float32)


def between(
    first: Labels,
    second: Labels,
    share: float,
    schema: LabelSchema,
    *,
    costs: Costs | None = None,
) -> Labels:
    """Return the labels of a B-scan between two others.

    Parameters
    ----------
    first, second
        (H, W) label values of the schema.
    share
        How far it is from the first to the second, 0 to 1.
    costs
        As `snapped` takes them: what the boundaries are snapped to, if to anything.

    Returns
    -------
    (H, W); `NOT_LABELLED` in columns in which one of the two has no layers in order.
    """
    if schema.stack:
        ends = boundaries_of(first, schema), boundaries_of(second, schema)
        boundaries = boundaries_between(*ends, share)
        if costs is not None:
            boundaries = snapped(boundaries, costs)
        labels = layers_between(boundaries, schema, len(first))
        steps = steps_between(boundaries, len(first))
    else:
        labels, steps = np.zeros_like(first), np.zeros_like(first)
    for value, allowed in _regions(schema):
        shape = mask_between(first == value, second == value, share)
        labels[shape & _within(steps, allowed) & (labels != NOT_LABELLED)] = value
    return labels


def _regions(schema: LabelSchema) -> list[tuple[int, Collection[int]]]:
    """Return each class that is no step of the stack, and the steps it may lie in, () for all."""
    steps = {step.value for step in schema.stack}
    homes = {value: number for number, step in enumerate(schema.stack) for value in step.inside}
    values = [c.value for c in schema.foreground if c.value not in steps]
    return [(value, (homes[value],) if value in homes else ()) for value in values]


def _within(steps: npt.NDArray[np.uint8], allowed: Collection[int]) -> Mask:
    return np.isin(steps, list(allowed)) if allowed else np.ones(steps.shape, bool)


def _signed_distance(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the distance to the edge of a mask, (H, W), below 0 outside of it."""
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    inside = ndimage.distance_transform_edt(mask)
    outside = ndimage.distance_transform_edt(~mask)
    distance: npt.NDArray[np.float32] = (inside - outside).astype(np.float32)
    return distance


def _filled(boundaries: Boundaries, known: Mask) -> Boundaries:
    cols = np.arange(boundaries.shape[1])
    rows = [np.interp(cols, cols[known], each[known]) for each in boundaries]
    return np.array(rows, np.float32)
