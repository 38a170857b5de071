"""The thickness of a layer around a circular scan, as a curve."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from napari_octsam.measurement.measure import Measured

__all__ = ["ProfilePicture", "profile_picture"]

_STEP = 50.0  # µm between lines


@dataclass(frozen=True, slots=True)
class ProfilePicture:
    """What a page needs to draw a curve.

    Parameters
    ----------
    order
        What the scan meets, a letter a quarter of the circle.
    columns, height
        Of the picture: A-scans and µm.
    lines
        Where it has horizontal lines, in µm.
    curves
        "x,y x,y ..." of each piece, y from the top; a new one after columns that are not known.
    """

    span: str
    order: str
    columns: int
    height: float
    lines: tuple[int, ...]
    curves: tuple[str, ...]


def profile_picture(measured: Measured) -> ProfilePicture | None:
    """Return the curve of the uppermost layer; None where there is no circle, or nothing known."""
    order = measured.eye.circle
    span = next(iter(measured.heights), None)
    if order is None or span is None:
        return None
    heights = measured.heights[span][0]
    known = np.isfinite(heights)
    if not known.any():
        return None
    top = float(np.ceil(heights[known].max() / _STEP) * _STEP) or _STEP
    pieces = groupby(range(len(heights)), key=lambda column: bool(known[column]))
    return ProfilePicture(
        span,
        order,
        len(heights),
        top,
        tuple(int(line) for line in np.arange(0, top + 1, _STEP)),
        tuple(
            " ".join(f"{column + 0.5:g},{top - heights[column]:.1f}" for column in piece)
            for is_known, piece in pieces
            if is_known
        ),
    )
