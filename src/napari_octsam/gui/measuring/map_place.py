"""Where a map lies in the viewer, over the fundus or above the B-scans, and lines on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.measurement.regions import ETDRS_MM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import LayerList
    from napari.layers import Image, Labels

    from napari_octsam.measurement.measure import Measured
    from napari_octsam.measurement.spacing import Spacing

__all__ = ["Place", "above", "map_place", "over_lines", "subfield_lines"]

Place = npt.NDArray[np.float64]
"""(3, 3) matrix from (B-scan, column) of a map to (row, column) of the world."""

_GAP = 0.05  # of the map's height, between it and the B-scans
_CORNERS = 90  # of a circle


def map_place(
    labels: Labels, image: Image | None, measured: Measured, layers: LayerList
) -> tuple[Place, bool]:
    """Return where the map of a volume lies, and whether that is over a fundus picture.

    That has a layer of lines, one for each B-scan, named as its image with "B-scans" behind.
    """
    bscans = len(measured.states)
    lines = None if image is None else _lines(f"{image.name} B-scans", bscans, layers)
    if lines is not None:
        columns = next(iter(measured.heights.values())).shape[1]
        return over_lines(lines, columns), True
    return above(labels, measured), False


def above(labels: Labels, measured: Measured) -> Place:
    """Return the place above the B-scans, a column above each of theirs, superior on top."""
    spacing, bscans = measured.spacing, len(measured.states)
    assert spacing.between is not None
    top, left = labels.extent.world[0][-2:]
    across = abs(float(labels.scale[-1]))
    down = across * spacing.between / spacing.lateral
    height = (bscans - 1) * down
    first = top - _GAP * height - height
    place = np.eye(3)
    place[0, 0], place[0, 2] = down, first
    if measured.eye.first == "inferior":
        place[0, 0], place[0, 2] = -down, first + height
    place[1, 1], place[1, 2] = across, left
    return place


def over_lines(lines: Sequence[npt.NDArray[np.floating]], columns: int) -> Place:
    """Return the place that lies best on lines, each the (2, 2) ends of a B-scan in the world."""
    ends = np.concatenate([np.asarray(line, float)[[0, -1]] for line in lines])
    numbers = np.repeat(np.arange(len(lines)), 2)
    at = np.stack([numbers, np.tile([0, columns - 1], len(lines)), np.ones(len(ends))], axis=1)
    found, *_ = np.linalg.lstsq(at, ends, rcond=None)
    place = np.eye(3)
    place[:2] = found.T
    return place


def _lines(name: str, bscans: int, layers: LayerList) -> list[npt.NDArray[np.floating]] | None:
    from napari.layers import Shapes

    for layer in layers:
        if isinstance(layer, Shapes) and layer.ndim == 2 and layer.name == name:
            lines = [np.array([layer.data_to_world(end) for end in line]) for line in layer.data]
            return lines if len(lines) == bscans > 1 else None
    return None


def subfield_lines(fovea: tuple[float, float], spacing: Spacing) -> npt.NDArray[np.float64]:
    """Return the circles and spokes of the ETDRS grid around a (B-scan, column).

    Returns
    -------
    (n, 2, 2): the begin and the end of each line, a B-scan and a column each.
    """
    assert spacing.between is not None
    radii = np.array(ETDRS_MM)[:, None, None] * 500
    rings = radii * _directions(np.linspace(0, 2 * np.pi, _CORNERS + 1))
    spokes = radii[[0, -1]] * _directions((np.arange(4) + 0.5) * np.pi / 2)
    lines = [np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings]
    lines.append(np.stack([spokes[0], spokes[1]], axis=1))
    return np.asarray(
        np.concatenate(lines) / np.array([spacing.between, spacing.lateral]) + np.array(fovea)
    )


def _directions(turns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([np.sin(turns), np.cos(turns)], axis=1)
