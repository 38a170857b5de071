"""Labels of a B-scan as they would be with each layer in its place, in one piece and whole."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.boundaries import Boundaries
from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.labelling import Probabilities, step_probabilities
from napari_octsam.core.masks import Mask
from napari_octsam.core.redrawing import redrawn
from napari_octsam.core.tracing import boundary_costs, trace
from napari_octsam.topology.repairs.finding import Labels

__all__ = ["BRIDGED", "bridged", "columns_with_layers", "runs", "sound_boundaries", "sound_labels"]

BRIDGED = 15
"""Columns over which a layer that ends goes on by itself."""

_GUESS = np.float32(0.002)  # probability of what an unknown pixel's neighbour is: it parts gaps


def sound_labels(labels: Labels, boundaries: Boundaries, schema: LabelSchema) -> Labels:
    """Return (H, W) labels in which each pixel is as boundaries have it, or lies inside its layer.

    Columns in which the boundaries are NaN stay as they are.
    """
    return redrawn(labels, np.full_like(boundaries, np.nan), boundaries, schema)


def sound_boundaries(
    labels: Labels, unknown: Mask, straight: Mask, schema: LabelSchema
) -> Boundaries:
    """Return the boundaries that (H, W) labels fit best, by the Viterbi algorithm.

    Parameters
    ----------
    unknown
        Pixels whose label says nothing. Each is rather what the nearest other one is.
    straight
        Those of them that boundaries go straight through.

    Returns
    -------
    NaN in columns without layers, but for gaps of up to `BRIDGED` columns.
    """
    seen = columns_with_layers(np.where(unknown, 0, labels), schema)
    boundaries = np.full((len(schema.layers) + 1, labels.shape[1]), np.nan, np.float32)
    shown = bridged(seen)
    if not shown.any() or len(labels) < len(schema.layers):
        return boundaries
    costs = boundary_costs(step_probabilities(_names(labels, unknown, schema), schema))
    costs[~seen] = 0
    traced = trace(costs).astype(np.float32)
    boundaries[:, shown] = _straightened(traced, straight | ~seen)[:, shown]
    return boundaries


def columns_with_layers(labels: Labels, schema: LabelSchema) -> npt.NDArray[np.bool_]:
    """Return in which columns there is any layer, (W,)."""
    layers = [value for step in schema.layers for value in step.members]
    return np.asarray(np.isin(labels, layers).any(axis=0))


def runs(columns: npt.NDArray[np.bool_]) -> list[slice]:
    """Return the stretches of (W,) columns that are true."""
    edges = np.flatnonzero(np.diff(np.pad(columns.astype(np.int8), 1)))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _names(labels: Labels, unknown: Mask, schema: LabelSchema) -> Probabilities:
    values = np.array([c.value for c in schema.classes])
    if not unknown.any() or unknown.all():
        return np.asarray(labels.T[:, None] == values[:, None], np.float32)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    filled = labels[tuple(nearest)]
    weight = np.where(unknown, _GUESS, np.float32(1))
    return np.asarray((filled.T[:, None] == values[:, None]) * weight.T[:, None], np.float32)


def bridged(seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return (W,) columns with those that lie between, where they are few: up to `BRIDGED`."""
    shown = seen.copy()
    for before, after in pairwise(runs(seen)):
        if after.start - before.stop <= BRIDGED:
            shown[before.stop : after.start] = True
    return shown


def _straightened(traced: Boundaries, straight: Mask) -> Boundaries:
    """Let each boundary go straight on where both of its pixels are such."""
    rows, cols = straight.shape
    padded = np.pad(straight, ((1, 1), (0, 0)), mode="edge")
    at, column = traced.astype(np.intp), np.arange(cols)
    free = padded[at, column] & padded[at + 1, column]
    for boundary, loose in zip(traced, free, strict=True):
        if loose.any() and not loose.all():
            boundary[loose] = np.interp(column[loose], column[~loose], boundary[~loose])
    in_order: Boundaries = np.maximum.accumulate(traced, axis=0).clip(0, rows)
    return in_order
