"""Figures, each with how much of its place was measured and whose labels those are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_octsam.measurement.regions import Region
from napari_octsam.measurement.spacing import Spacing

__all__ = [
    "UNKNOWN_STATE",
    "Basis",
    "LesionFigure",
    "ThicknessFigure",
    "basis_of",
    "lesion_figure",
    "thickness_figure",
]

UNKNOWN_STATE = "not known"
"""State of B-scans whose file does not say whose labels they are."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a figure stands on.

    Parameters
    ----------
    coverage
        Share of its place that was measured, in %; None where no A-scan of the scan's spacing can
        lie in the place.
    bscans
        On how many B-scans.
    states
        Share of what was measured by the state of its B-scan, in %.
    """

    coverage: float | None
    bscans: int
    states: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ThicknessFigure:
    """Thickness of a span of layers in a region, in µm; None where nothing was measured."""

    span: str
    region: str
    mean_um: float | None
    median_um: float | None
    min_um: float | None
    max_um: float | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class LesionFigure:
    """Lesions of a class in a region; None where nothing was seen, or of a single B-scan.

    Parameters
    ----------
    count
        Pieces, of which those of the whole scan are counted alone.
    area_mm2
        The largest area on one B-scan.
    """

    name: str
    region: str
    count: int | None
    area_mm2: float | None
    height_um: float | None
    volume_mm3: float | None
    enface_mm2: float | None
    basis: Basis


def thickness_figure(
    span: str, heights: npt.NDArray[np.float32], region: Region, states: Sequence[str]
) -> ThicknessFigure:
    """Return the figures of heights in µm, (B-scans, W) with NaN where there are none."""
    measured = region.inside & np.isfinite(heights)
    values = heights[measured].astype(float)
    basis = basis_of(measured, region, states)
    if not values.size:
        return ThicknessFigure(span, region.name, None, None, None, None, basis)
    return ThicknessFigure(
        span,
        region.name,
        mean_um=float(values.mean()),
        median_um=float(np.median(values)),
        min_um=float(values.min()),
        max_um=float(values.max()),
        basis=basis,
    )


def lesion_figure(
    name: str,
    rows: npt.NDArray[np.int_],
    seen: npt.NDArray[np.bool_],
    region: Region,
    spacing: Spacing,
    states: Sequence[str],
    count: int | None = None,
) -> LesionFigure:
    """Return the figures of a class that has so many pixels in each column, (B-scans, W).

    All that is labelled counts; the coverage is of the columns where nothing can be missing.
    """
    known, there = region.inside & seen, np.where(region.inside, rows, 0)
    basis = basis_of(known, region, states)
    if not known.any() and not there.any():
        return LesionFigure(name, region.name, None, None, None, None, None, basis)
    cell = spacing.cell_mm2
    return LesionFigure(
        name,
        region.name,
        count,
        area_mm2=float(there.sum(axis=1).max() * spacing.pixel_mm2),
        height_um=float(there.max() * spacing.axial),
        volume_mm3=None if cell is None else float(there.sum() * spacing.axial * 1e-3 * cell),
        enface_mm2=None if cell is None else float(np.count_nonzero(there) * cell),
        basis=basis,
    )


def basis_of(measured: npt.NDArray[np.bool_], region: Region, states: Sequence[str]) -> Basis:
    """Return what a figure of the A-scans (B-scans, W) that were measured in a region stands on."""
    columns = measured.sum(axis=1)
    total = int(columns.sum())
    shares = {
        state: 100 * sum(int(n) for n, s in zip(columns, states, strict=True) if s == state) / total
        for state in dict.fromkeys(s for n, s in zip(columns, states, strict=True) if n)
    }
    coverage = 100 * total / region.wanted if region.wanted else None
    return Basis(coverage, int(np.count_nonzero(columns)), shares)
