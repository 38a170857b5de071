"""Thickness of layers along the A-scan, in each column of a scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries, boundaries_of
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.errors import UserError

__all__ = ["Span", "Surfaces", "known_boundaries", "span_of", "spans_of", "surfaces_of"]

Surfaces = npt.NDArray[np.float32]
"""(boundaries, B-scans, W) rows; NaN where the labels do not show a boundary."""


@dataclass(frozen=True, slots=True)
class Span:
    """Layers between two boundaries of a schema's stack.

    Parameters
    ----------
    name
        Short names of the first and the last layer.
    top, bottom
        Numbers of the boundaries, from the uppermost, which is 0.
    """

    name: str
    top: int
    bottom: int

    def thickness(self, surfaces: Surfaces, axial: float) -> npt.NDArray[np.float32]:
        """Return its thickness in µm, (B-scans, W): rows between its boundaries times `axial`."""
        rows = surfaces[self.bottom] - surfaces[self.top]
        return np.asarray(rows * axial, np.float32)


def spans_of(schema: LabelSchema) -> tuple[Span, ...]:
    """Return each layer of a schema, and all of them together; none where it has no stack."""
    names = [schema[layer.value].short for layer in schema.layers]
    alone = [Span(name, number, number + 1) for number, name in enumerate(names)]
    together = [Span(f"{names[0]} to {names[-1]}", 0, len(names))] if len(names) > 1 else []
    return (*alone, *together)


def span_of(text: str, schema: LabelSchema) -> Span:
    """Return the span that "RNFL:INL" names: from one layer to another, both in it.

    Raises
    ------
    UserError
        One is no layer of the schema, or they are in the wrong order.
    """
    names = text.split(":")
    values = [layer.value for layer in schema.layers]
    found = [schema.find(name) for name in names]
    if len(found) != 2 or any(each.value not in values for each in found):
        layers = ", ".join(schema[value].short for value in values) or "none"
        raise UserError(
            f"'{text}' is no span of layers: name two of the schema {schema.name} with a colon, "
            f"from the upper to the lower. It has: {layers}."
        )
    top, bottom = (values.index(each.value) for each in found)
    if top > bottom:
        raise UserError(f"In the span '{text}' the lower layer comes first: turn it round.")
    return Span(f"{found[0].short} to {found[1].short}", top, bottom + 1)


def surfaces_of(labels: npt.NDArray[np.uint8], schema: LabelSchema) -> Surfaces:
    """Return the boundaries of (B-scans, H, W) labels, as `known_boundaries` does one B-scan."""
    return np.stack([known_boundaries(bscan, schema) for bscan in labels], axis=1)


def known_boundaries(labels: npt.NDArray[np.uint8], schema: LabelSchema) -> Boundaries:
    """Return the boundaries that (H, W) labels show, NaN where they only let one guess.

    A boundary is known where what it divides meets: a layer that the picture's edge cuts, and one
    beside pixels that are not labelled or of a class outside the stack, has none there. Nor have
    layers that the whole B-scan lacks; one that is missing from a column alone has no height.
    """
    found = boundaries_of(labels, schema)
    uppermost, lowest = found[0].copy(), found[-1].copy()
    for boundary in found:
        above, below = _pixels_beside(labels, boundary)
        begins = np.isin(above, _in_layers(schema))
        begins |= np.isin(above, schema.stack[0].members) & (boundary == uppermost)
        ends = np.isin(below, _in_layers(schema))
        ends |= np.isin(below, schema.stack[-1].members) & (boundary == lowest)
        boundary[~(begins & ends)] = np.nan
    pixels = np.bincount(labels.ravel(), minlength=256)
    for number, layer in enumerate(schema.layers):
        if not pixels[list(layer.members)].any():
            found[number : number + 2] = np.nan
    return found


def _in_layers(schema: LabelSchema) -> list[int]:
    return [value for layer in schema.layers for value in layer.members]


def _pixels_beside(
    labels: npt.NDArray[np.uint8], boundary: npt.NDArray[np.floating]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return the pixels above and below a boundary, (W,); `NOT_LABELLED` beyond the edges."""
    rows, cols = labels.shape
    framed = np.pad(labels, ((1, 1), (0, 0)), constant_values=NOT_LABELLED)
    row = np.nan_to_num(boundary, nan=rows).astype(np.intp)
    return framed[row, np.arange(cols)], framed[row + 1, np.arange(cols)]
