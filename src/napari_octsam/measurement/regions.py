"""Places of the macula in which figures are told: the ETDRS subfields and a grid of squares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Laterality, Side
from napari_octsam.measurement.fovea import Fovea
from napari_octsam.measurement.spacing import Spacing

__all__ = ["ETDRS_MM", "GRID_MM", "Region", "etdrs", "grid", "whole"]

ETDRS_MM = (1.0, 3.0, 6.0)
"""Diameters of the circles of the ETDRS grid."""

GRID_MM = 6.9
"""Side of the 8 x 8 grid: 24° at 0.288 mm a degree."""

_SQUARES = 8
_Numbers = npt.NDArray[np.int8]
_Numbering = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], _Numbers]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A place, as A-scans.

    Parameters
    ----------
    name
        Such as "inner nasal".
    inside
        (B-scans, W): which A-scans of the scan lie in it.
    wanted
        How many would, if the scan went on beyond its edges.
    """

    name: str
    inside: npt.NDArray[np.bool_]
    wanted: int


def whole(shape: tuple[int, int]) -> Region:
    """Return all A-scans of a scan of so many B-scans and columns."""
    return Region("all", np.ones(shape, bool), shape[0] * shape[1])


def etdrs(
    shape: tuple[int, int],
    spacing: Spacing,
    fovea: Fovea,
    laterality: Laterality | None = None,
    first: Side | None = None,
) -> tuple[Region, ...]:
    """Return the nine ETDRS subfields: central, four inner and four outer ones.

    Parameters
    ----------
    shape
        B-scans and columns of the scan.
    laterality
        In a right eye nasal is to the right of a B-scan; None: the sides are called left and right.
    first
        Where the first B-scan lies; None: the sides are called first and last.
    """
    right, left = _horizontal(laterality)
    below, above = _vertical(first)
    sides = (right, below, left, above)  # clockwise from the right, the first B-scan on top
    names = ("central", *(f"{ring} {side}" for ring in ("inner", "outer") for side in sides))

    def numbering(down: npt.NDArray[np.float64], across: npt.NDArray[np.float64]) -> _Numbers:
        distance = np.hypot(down, across)
        ring = np.searchsorted(np.array(ETDRS_MM) * 500, distance, side="left")
        side = np.floor(np.arctan2(down, across) / (np.pi / 2) + 0.5).astype(np.int8) % 4
        return np.where(ring == 0, 0, np.where(ring == 3, -1, 4 * ring + side - 3)).astype(np.int8)

    return _regions(names, numbering, ETDRS_MM[-1] * 500, shape, spacing, fovea)


def grid(shape: tuple[int, int], spacing: Spacing, fovea: Fovea) -> tuple[Region, ...]:
    """Return 8 x 8 squares around the fovea, "grid 1,1" towards the first B-scan and column."""
    names = tuple(f"grid {i + 1},{j + 1}" for i in range(_SQUARES) for j in range(_SQUARES))
    half = GRID_MM * 500

    def numbering(down: npt.NDArray[np.float64], across: npt.NDArray[np.float64]) -> _Numbers:
        i, j = (np.floor((each + half) / (2 * half / _SQUARES)) for each in (down, across))
        outside = (np.minimum(i, j) < 0) | (np.maximum(i, j) >= _SQUARES)
        return np.where(outside, -1, _SQUARES * i + j).astype(np.int8)

    return _regions(names, numbering, half, shape, spacing, fovea)


def _horizontal(laterality: Laterality | None) -> tuple[str, str]:
    """Return what lies to the right and to the left."""
    if laterality is None:
        return "right", "left"
    return ("nasal", "temporal") if laterality == "OD" else ("temporal", "nasal")


def _vertical(first: Side | None) -> tuple[str, str]:
    """Return what lies towards the last and towards the first B-scan."""
    if first is None:
        return "last", "first"
    return ("inferior", "superior") if first == "superior" else ("superior", "inferior")


def _regions(
    names: tuple[str, ...],
    numbering: _Numbering,
    reach: float,
    shape: tuple[int, int],
    spacing: Spacing,
    fovea: Fovea,
) -> tuple[Region, ...]:
    """Return regions by the numbers of A-scans, at distances in µm from the fovea."""
    if spacing.between is None:
        return ()
    centre, steps = (fovea.bscan, fovea.col), (spacing.between, spacing.lateral)
    beyond = [_indices(at, reach / step) for at, step in zip(centre, steps, strict=True)]
    numbers = numbering(*_distances([np.arange(count) for count in shape], centre, steps))
    if_it_went_on = numbering(*_distances(beyond, centre, steps))
    return tuple(
        Region(name, numbers == number, int(np.count_nonzero(if_it_went_on == number)))
        for number, name in enumerate(names)
    )


def _indices(centre: float, reach: float) -> npt.NDArray[np.int_]:
    return np.arange(floor(centre - reach), ceil(centre + reach) + 1)


def _distances(
    indices: Sequence[npt.NDArray[np.int_]],
    centre: tuple[float, float],
    steps: tuple[float, float],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return how far down and across A-scans lie from the centre in µm, (B-scans, W) each."""
    down, across = (
        (each - at) * step for each, at, step in zip(indices, centre, steps, strict=True)
    )
    grown = np.meshgrid(down, across, indexing="ij")
    return grown[0], grown[1]
