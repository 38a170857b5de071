"""From what a model takes each pixel for to labels: by the plain names, or as ordered layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.boundaries import Boundaries, layers_between, steps_between
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.decoded import LogitGrid
from napari_octsam.core.tracing import Anchor, boundary_costs, sureness, trace

__all__ = [
    "Labelling",
    "NamedPixels",
    "Probabilities",
    "label_layers",
    "label_plainly",
    "step_probabilities",
]

Probabilities = npt.NDArray[np.float32]
"""(W, classes, H): how probable each class of a schema is at each pixel of a B-scan, column by
column; they sum to 1 over the classes."""

_THIN = 0.25  # of the usual thickness of all layers, below which a column shows none
_FLICKER = 15  # columns: what is shorter by half is no gap, and no tissue
_AGREED = 0.4  # of real columns, diseased ones too, 99 in 100 have more; noise and black have less
_MARGIN = 8  # rows around the layers in which boundaries are looked for


@dataclass(frozen=True, slots=True, eq=False)
class Labelling:
    """Labels of a B-scan, with how sure the model is of them.

    Parameters
    ----------
    labels
        (H, W) uint8 label values; `NOT_LABELLED` in columns without layers.
    confidence
        (H, W) float32, 0 to 1: how probable the model thinks the label of each pixel; 0 where
        there is none.
    boundaries
        (layers + 1, W) float32 rows, NaN in columns without layers; (0, W) where the labels are
        plain names. See `core.boundaries`.
    boundary_confidence
        As many: how probable it is that the boundary is within 2 rows; NaN as the boundary.
    """

    labels: npt.NDArray[np.uint8]
    confidence: npt.NDArray[np.float32]
    boundaries: Boundaries
    boundary_confidence: npt.NDArray[np.float32]

    @property
    def mean_confidence(self) -> float:
        """How sure the model is of the B-scan, 0 to 1: of its boundaries, else of its pixels.

        Columns without layers do not count; without any layer it is 0.
        """
        if not len(self.boundaries):
            return float(self.confidence.mean())
        sure = self.boundary_confidence[np.isfinite(self.boundary_confidence)]
        return float(sure.mean()) if sure.size else 0.0


@dataclass(frozen=True, eq=False)
class NamedPixels:
    """What a model takes each pixel of a B-scan for, without any prompt.

    Parameters
    ----------
    schema
        Of the classes.
    probabilities
        (classes, rows, cols) float32, or float16, at the model's own resolution, in the schema's
        order.
    grid
        How they lie on the B-scan.
    """

    schema: LabelSchema
    probabilities: npt.NDArray[np.floating]
    grid: LogitGrid

    @property
    def lightened(self) -> NamedPixels:
        """The same in half the bytes, without what no pixel of the B-scan depends on."""
        rows, cols = self.grid.extent
        return replace(self, probabilities=self.probabilities[:, :rows, :cols].astype(np.float16))

    @cached_property
    def by_column(self) -> Probabilities:
        """The probabilities at the pixels of the B-scan, (W, classes, H), by interpolation."""
        rows, cols = (slice(0, axis.weights.shape[0]) for axis in (self.grid.rows, self.grid.cols))
        classes = len(self.probabilities)
        seen = self.probabilities[:, : self.grid.extent[0], : self.grid.extent[1]]
        seen = seen.astype(np.float32, copy=False)
        tall = self.grid.rows.apply(
            np.moveaxis(seen, 1, 0).reshape(seen.shape[1], -1), 0, rows
        ).reshape(rows.stop, classes, -1)
        across = np.moveaxis(tall, (2, 1, 0), (0, 1, 2)).reshape(seen.shape[2], -1)
        return self.grid.cols.apply(across, 0, cols).reshape(cols.stop, classes, rows.stop)

    @cached_property
    def plain(self) -> Labelling:
        """Each pixel by the name that is most probable."""
        return label_plainly(self.by_column, self.schema)

    @cached_property
    def layered(self) -> Labelling:
        """Layers between ordered boundaries, the rest inside them; only of a schema with layers."""
        return label_layers(self.by_column, self.schema)

    @property
    def best(self) -> Labelling:
        """`layered` where the schema has layers, else `plain`."""
        return self.layered if self.schema.stack else self.plain

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """(H, W) uint8 label values, as `best` has them."""
        return self.best.labels


def label_plainly(probabilities: Probabilities, schema: LabelSchema) -> Labelling:
    """Label each pixel by its most probable class."""
    labels = _most_probable(probabilities, schema)
    none = np.empty((0, labels.shape[1]), np.float32)
    return Labelling(labels, _confidence(probabilities, labels, schema), none, none)


def label_layers(
    probabilities: Probabilities, schema: LabelSchema, anchors: Sequence[Anchor] = ()
) -> Labelling:
    """Label the layers of a schema in order, each in one piece, and what lies inside them.

    A class that lies inside a layer is labelled in that layer alone; one that the stack does not
    name, such as padding, wherever it is most probable. Columns in which the model sees no layer
    are not labelled otherwise, unless an anchor is there.

    Raises
    ------
    UserError
        No ordered boundaries go through all anchors; see `core.tracing.trace`.
    """
    boundaries, sure = _boundaries(probabilities, schema, anchors)
    labels = layers_between(boundaries, schema, probabilities.shape[2])
    if len({step.value for step in schema.stack}) < len(schema.classes):
        _draw_regions(labels, boundaries, _most_probable(probabilities, schema), schema)
    return Labelling(labels, _confidence(probabilities, labels, schema), boundaries, sure)


def _draw_regions(
    labels: npt.NDArray[np.uint8],
    boundaries: Boundaries,
    names: npt.NDArray[np.uint8],
    schema: LabelSchema,
) -> None:
    """Draw what is no step of the stack over labels of its steps: all arrays are (H, W).

    `names` has the most probable class of each pixel.
    """
    steps = steps_between(boundaries, len(labels))
    unlabelled = labels == NOT_LABELLED
    within = {value for step in schema.stack for value in step.members}
    drawn = np.isin(names, [c.value for c in schema.classes if c.value not in within])
    for number, step in enumerate(schema.stack):
        drawn |= np.isin(names, step.inside) & (steps == number) & ~unlabelled
    labels[drawn] = names[drawn]


def _most_probable(probabilities: Probabilities, schema: LabelSchema) -> npt.NDArray[np.uint8]:
    values = np.array([c.value for c in schema.classes], np.uint8)
    named: npt.NDArray[np.uint8] = values[probabilities.argmax(axis=1).T]
    return named


def _confidence(
    probabilities: Probabilities, labels: npt.NDArray[np.uint8], schema: LabelSchema
) -> npt.NDArray[np.float32]:
    """Return how probable the label of each pixel is, (H, W); 0 where there is none."""
    place_of = np.zeros(256, np.intp)
    place_of[[c.value for c in schema.classes]] = np.arange(len(schema.classes))
    places = place_of[labels].T[:, None]
    confidence = np.take_along_axis(probabilities, places, axis=1)[:, 0].T
    return np.where(labels == NOT_LABELLED, np.float32(0), confidence)


def _boundaries(
    probabilities: Probabilities, schema: LabelSchema, anchors: Sequence[Anchor]
) -> tuple[Boundaries, npt.NDArray[np.float32]]:
    """Return the boundaries and how sure they are, both NaN in columns without layers."""
    cols, count = len(probabilities), len(schema.layers)
    boundaries = np.full((count + 1, cols), np.nan, np.float32)
    sure = boundaries.copy()
    layers = [value for layer in schema.layers for value in layer.members]
    tissue = _together(probabilities, schema, layers) > 0.5
    seen = _columns_with_layers(tissue, least=count)
    shown = _without_flicker(seen)
    shown[[each.col for each in anchors]] = True
    if not shown.any():
        return boundaries, sure
    top, bottom = _window(tissue[shown], count, [each.row for each in anchors])
    steps = step_probabilities(probabilities[:, :, top:bottom], schema)
    costs = boundary_costs(steps)
    costs[~(seen & shown)] = 0
    traced = trace(costs, [replace(each, row=each.row - top) for each in anchors])
    shown &= _without_flicker(_agreement(steps, traced) >= _AGREED)
    shown[[each.col for each in anchors]] = True
    boundaries[:, shown] = (traced + top)[:, shown]
    sure[:, shown] = sureness(costs, traced)[:, shown]
    return boundaries, sure


def step_probabilities(
    probabilities: Probabilities, schema: LabelSchema
) -> npt.NDArray[np.float32]:
    """Return how probable each step of the stack is, (W, steps, H).

    Where what is above and what is below have one name, it is shared out: a pixel is as surely
    below as the column's layers are above it.
    """
    parts = [_together(probabilities, schema, step.members) for step in schema.stack]
    if schema.stack[0].value == schema.stack[-1].value:
        passed = _together(probabilities, schema, [step.value for step in schema.layers])
        passed = passed.cumsum(axis=1)
        passed /= np.maximum(passed[:, -1:], np.finfo(np.float32).tiny)
        outside = _together(probabilities, schema, [schema.stack[0].value])
        parts[0] = parts[0] - outside * passed
        parts[-1] = parts[-1] - outside * (1 - passed)
    return np.stack(parts, axis=1)


def _together(
    probabilities: Probabilities, schema: LabelSchema, values: Sequence[int]
) -> npt.NDArray[np.float32]:
    """Return how probable it is that a pixel is of one of some classes, (W, H)."""
    first, *others = (i for i, c in enumerate(schema.classes) if c.value in values)
    together: npt.NDArray[np.float32] = probabilities[:, first]
    for each in others:
        together = together + probabilities[:, each]
    return together


def _columns_with_layers(tissue: npt.NDArray[np.bool_], least: int) -> npt.NDArray[np.bool_]:
    """Return in which columns of (W, H) pixels that are likely of a layer there are enough, (W,).

    At least `least`, and a share of what is usual in the B-scan: the layers end at an optic disc.
    """
    thickness = tissue.sum(axis=1)
    usual = float(np.percentile(thickness, 90))
    return np.asarray(thickness >= max(least, _THIN * usual))


def _without_flicker(columns: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(ndimage.median_filter(columns, _FLICKER, mode="nearest"))


def _agreement(
    steps: npt.NDArray[np.float32], boundaries: npt.NDArray[np.int_]
) -> npt.NDArray[np.float32]:
    """Return how probable the layers between boundaries are in each column, (W,), 0 to 1.

    The mean over their rows: low where names are strewn about, as on noise and on black.
    """
    sums = np.pad(steps[:, 1:-1].cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
    at = np.take_along_axis(sums, boundaries.T[:, :-1, None], axis=2)
    to = np.take_along_axis(sums, boundaries.T[:, 1:, None], axis=2)
    heights = boundaries[-1] - boundaries[0]
    agreement: npt.NDArray[np.float32] = (to - at).sum(axis=(1, 2)) / heights
    return agreement


def _window(tissue: npt.NDArray[np.bool_], least: int, more: Sequence[int]) -> tuple[int, int]:
    """Return the first row to look at and the one after the last, at least so many.

    Parameters
    ----------
    tissue
        (W, H), whether a pixel is likely of a layer.
    more
        Rows that are looked at too.
    """
    height = tissue.shape[1]
    wanted = [*np.flatnonzero(tissue.any(axis=0)).tolist(), *more]
    top = max(min(wanted) - _MARGIN, 0)
    bottom = min(max(wanted) + 1 + _MARGIN, height)
    return max(min(top, bottom - least), 0), min(max(bottom, top + least), height)
