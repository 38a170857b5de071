"""All figures of the labels of one scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.core.eyes import Laterality, Side
from napari_octsam.core.images import times
from napari_octsam.measurement.circles import CircleOrder, sectors
from napari_octsam.measurement.figures import (
    UNKNOWN_STATE,
    LesionFigure,
    ThicknessFigure,
    lesion_figure,
    thickness_figure,
)
from napari_octsam.measurement.fovea import Fovea, find_fovea
from napari_octsam.measurement.lesions import (
    Lesion,
    lesion_classes,
    lesion_rows,
    lesions_of,
    seen_columns,
)
from napari_octsam.measurement.regions import Region, etdrs, grid, whole
from napari_octsam.measurement.spacing import Spacing
from napari_octsam.measurement.thickness import Span, spans_of, surfaces_of

__all__ = ["Eye", "Measured", "measure"]


@dataclass(frozen=True, slots=True)
class Eye:
    """What the labels of a scan do not say; None where nobody has said it.

    Parameters
    ----------
    laterality
        Which eye.
    first
        On which side the first B-scan lies.
    fovea
        Where the fovea is; None: it is looked for.
    circle
        How a circular scan around the optic disc goes; None: it is none.
    """

    laterality: Laterality | None = None
    first: Side | None = None
    fovea: Fovea | None = None
    circle: CircleOrder | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured of a scan.

    Parameters
    ----------
    states
        How far each B-scan is.
    fovea
        None where none was found: then no region but the whole scan has figures.
    heights
        By span: thickness in µm of each column, (B-scans, W); NaN where it is not known.
    pieces
        By class: its lesions, the largest first.
    """

    schema: LabelSchema
    spacing: Spacing
    eye: Eye
    states: tuple[str, ...]
    fovea: Fovea | None
    heights: Mapping[str, npt.NDArray[np.float32]]
    thickness: tuple[ThicknessFigure, ...]
    lesions: tuple[LesionFigure, ...]
    pieces: Mapping[str, tuple[Lesion, ...]]


def measure(
    labels: npt.NDArray[np.uint8],
    schema: LabelSchema,
    spacing: Spacing,
    eye: Eye | None = None,
    states: Sequence[str] | None = None,
    spans: Sequence[Span] = (),
) -> Measured:
    """Measure the layers and lesions of labels.

    Parameters
    ----------
    labels
        (H, W) of a single B-scan, or (B-scans, H, W).
    states
        How far each B-scan is; None: not known.
    spans
        Of layers, beside each layer and all together.

    Raises
    ------
    UserError
        There are more axes, the distance between B-scans is missing, the fovea lies outside, or a
        circular scan is said to be a volume.
    """
    volume, spacing = _as_volume(labels, spacing)
    eye = eye or Eye()
    told = [UNKNOWN_STATE] * len(volume) if states is None else list(states)
    heights, fovea = {}, eye.fovea
    if schema.layers:
        surfaces = surfaces_of(volume, schema)
        wanted = (*spans_of(schema), *spans)
        heights = {span.name: span.thickness(surfaces, spacing.axial) for span in wanted}
        fovea = fovea or find_fovea(surfaces, schema, spacing)
    shape = (volume.shape[0], volume.shape[2])
    regions = _regions(shape, spacing, fovea, eye)
    pieces = {c.short: lesions_of(volume, c.value, spacing) for c in lesion_classes(schema)}
    return Measured(
        schema,
        spacing,
        eye,
        tuple(told),
        fovea,
        heights,
        tuple(
            thickness_figure(name, each, region, told)
            for name, each in heights.items()
            for region in regions
        ),
        tuple(_lesion_figures(volume, schema, spacing, regions, told, pieces)),
        pieces,
    )


def _as_volume(
    labels: npt.NDArray[np.uint8], spacing: Spacing
) -> tuple[npt.NDArray[np.uint8], Spacing]:
    if labels.ndim == 2:
        return labels[None], Spacing(spacing.axial, spacing.lateral)
    if labels.ndim != 3:
        raise UserError(
            f"Labels of {times(labels.shape)} are neither a B-scan nor a volume: measure them in "
            "parts."
        )
    if len(labels) == 1:
        return labels, Spacing(spacing.axial, spacing.lateral)
    if spacing.between is None:
        raise UserError(
            f"There are {len(labels)} B-scans, and how far apart they are is not known: put the "
            "µm between them before those of rows and columns, as in 120,3.87,11.2."
        )
    return labels, spacing


def _regions(
    shape: tuple[int, int], spacing: Spacing, fovea: Fovea | None, eye: Eye
) -> tuple[Region, ...]:
    if eye.circle is not None:
        if shape[0] > 1:
            raise UserError(
                f"A circular scan is one B-scan, and there are {shape[0]}: measure them one by one."
            )
        return (whole(shape), *sectors(shape[1], eye.circle, eye.laterality))
    if fovea is None:
        return (whole(shape),)
    if not (0 <= fovea.bscan <= shape[0] - 1 and 0 <= fovea.col <= shape[1] - 1):
        raise UserError(
            f"The fovea cannot be on B-scan {fovea.bscan:g}, column {fovea.col:g}: there are "
            f"{shape[0]} B-scans of {shape[1]} columns, counted from 0."
        )
    subfields = etdrs(shape, spacing, fovea, eye.laterality, eye.first)
    return (whole(shape), *subfields, *grid(shape, spacing, fovea))


def _lesion_figures(
    volume: npt.NDArray[np.uint8],
    schema: LabelSchema,
    spacing: Spacing,
    regions: Sequence[Region],
    states: Sequence[str],
    pieces: Mapping[str, tuple[Lesion, ...]],
) -> list[LesionFigure]:
    seen = seen_columns(volume, schema)
    found = []
    for label in lesion_classes(schema):
        rows = lesion_rows(volume, label.value)
        counts = [len(pieces[label.short]), *[None] * (len(regions) - 1)]
        found += [
            lesion_figure(label.short, rows, seen, region, spacing, states, count)
            for region, count in zip(regions, counts, strict=True)
        ]
    return found
