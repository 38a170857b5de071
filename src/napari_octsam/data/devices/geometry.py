"""Where B-scans lie on a fundus picture, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Side
from napari_octsam.data.devices.scan import Fundus, Line, Pattern

__all__ = ["circle", "fundus_to_scan", "pattern_of", "side_of_first", "spaced"]

Point = npt.NDArray[np.float64]

_UNEQUAL = 0.1  # of the mean: devices round where B-scans lie to some µm
_CORNERS = 128


def circle(start: Point, centre: Point) -> Line:
    """Return the circle through `start`, as a closed line of (row, col) vertices."""
    angles = np.linspace(0, 2 * np.pi, _CORNERS + 1)
    row, col = np.subtract(start, centre)
    turned = np.stack(
        [row * np.cos(angles) + col * np.sin(angles), col * np.cos(angles) - row * np.sin(angles)]
    )
    return np.asarray(np.add(centre, turned.T))


def pattern_of(lines: Sequence[Line]) -> Pattern:
    """Return how straight B-scans lie: one line, one beside the other, or through one point."""
    if len(lines) == 1:
        return "line"
    middles = np.array([line.mean(axis=0) for line in lines])
    length = max(np.linalg.norm(line[-1] - line[0]) for line in lines)
    spread = np.linalg.norm(middles - middles.mean(axis=0), axis=1).max()
    return "star" if spread < 0.02 * length else "volume"


def spaced(lines: Sequence[Line]) -> tuple[float | None, str]:
    """Return how far apart the B-scans of a volume are, and what is odd about it, else "".

    Parameters
    ----------
    lines
        In µm.

    Returns
    -------
    µm from the middle of one line to the next one's; None where that is not the same for all.
    """
    middles = np.array([line.mean(axis=0) for line in lines])
    steps = np.linalg.norm(np.diff(middles, axis=0), axis=1)
    if not len(steps) or not steps.any():
        return None, ""
    mean = float(np.linalg.norm(middles[-1] - middles[0]) / len(steps))
    if np.abs(steps - steps.mean()).max() <= _UNEQUAL * steps.mean() and mean > 0.9 * steps.mean():
        return mean, ""
    return None, (
        f"Its B-scans are not equally far apart: {steps.min():.0f} to {steps.max():.0f} µm. "
        "Volumes and maps of it would be wrong."
    )


def side_of_first(lines: Sequence[Line]) -> Side | None:
    """Return on which side the first of horizontal B-scans lies; None of others."""
    rows, cols = lines[-1].mean(axis=0) - lines[0].mean(axis=0)
    if abs(rows) <= abs(cols):
        return None
    return "superior" if rows > 0 else "inferior"


def fundus_to_scan(fundus: Fundus, cols: int) -> npt.NDArray[np.float64] | None:
    """Return the affine map from a fundus picture to a volume of so many columns.

    Returns
    -------
    (2, 3): with (row, col, 1) of the picture it gives B-scan and column; None where the file does
    not say, or the B-scans do not lie beside each other.
    """
    lines = fundus.lines
    if len(lines) < 2 or any(len(line) != 2 for line in lines) or pattern_of(lines) != "volume":
        return None
    here = np.array([[*end, 1.0] for line in lines for end in (line[0], line[-1])])
    there = np.array([(i, col) for i in range(len(lines)) for col in (-0.5, cols - 0.5)])
    return np.asarray(np.linalg.lstsq(here, there, rcond=None)[0].T)
