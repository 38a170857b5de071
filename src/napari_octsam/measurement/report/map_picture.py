"""A map with its bar, and the subfields with their figures over it, in µm from its corner."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin

from PIL import Image

from napari_octsam.measurement.limits import round_limits
from napari_octsam.measurement.maps import square_map
from napari_octsam.measurement.measure import Measured
from napari_octsam.measurement.regions import ETDRS_MM
from napari_octsam.measurement.report.colors import STOPS, colored

__all__ = ["Label", "MapPicture", "map_picture"]

_RADII = tuple(1000 * diameter / 2 for diameter in ETDRS_MM)
_MIDDLES = (0.0, *((a + b) / 2 for a, b in pairwise(_RADII)))
_PER_RING = 4


@dataclass(frozen=True, slots=True)
class Label:
    """A figure at a place of a map."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class MapPicture:
    """What a page needs to draw a map.

    Parameters
    ----------
    png
        In base64.
    width, height
        In µm.
    low, high
        Thickness of the first and the last colour, in µm.
    stops
        Colours of the bar, from low to high.
    centre
        (x, y) of the fovea; None where there is none.
    circles
        Radii around it.
    spokes
        (x1, y1, x2, y2) of the lines between subfields.
    labels
        Mean thickness of each subfield.
    """

    span: str
    png: str
    width: float
    height: float
    low: float
    high: float
    stops: tuple[str, ...]
    centre: tuple[float, float] | None
    circles: tuple[float, ...]
    spokes: tuple[tuple[float, float, float, float], ...]
    labels: tuple[Label, ...]


def map_picture(measured: Measured, span: str) -> MapPicture | None:
    """Return the map of a span, the superior side on top; None where there is none to show.

    Between B-scans it is interpolated.
    """
    heights, spacing = measured.heights[span], measured.spacing
    limits = round_limits(heights)
    if spacing.between is None or limits is None or min(heights.shape) < 2:
        return None
    pixels, size = square_map(heights, spacing)
    turned = measured.eye.first == "inferior"
    file = io.BytesIO()
    Image.fromarray(colored(pixels[::-1] if turned else pixels, limits)).save(file, "PNG")
    height, width = (size * count for count in pixels.shape)
    centre = None
    if measured.fovea is not None:
        down = measured.fovea.bscan * spacing.between
        centre = measured.fovea.col * spacing.lateral, height - down if turned else down
    return MapPicture(
        span,
        base64.b64encode(file.getvalue()).decode(),
        width,
        height,
        *limits,
        STOPS,
        centre,
        () if centre is None else _RADII,
        () if centre is None else tuple(_spokes(*centre)),
        () if centre is None else tuple(_labels(measured, span, centre, turned)),
    )


def _spokes(x: float, y: float) -> Iterator[tuple[float, float, float, float]]:
    inner, outer = _RADII[0], _RADII[-1]
    for quarter in range(_PER_RING):
        across, down = (f((quarter + 0.5) * pi / 2) for f in (cos, sin))
        yield x + inner * across, y + inner * down, x + outer * across, y + outer * down


def _labels(
    measured: Measured, span: str, centre: tuple[float, float], turned: bool
) -> Iterator[Label]:
    """Yield the means at the middles of the subfields, which `regions.etdrs` has in this order."""
    figures = [each for each in measured.thickness if each.span == span]
    for number, figure in enumerate(figures[1 : 2 + 2 * _PER_RING]):
        ring, quarter = (0, 0) if number == 0 else divmod(number - 1 + _PER_RING, _PER_RING)
        down = _MIDDLES[ring] * sin(quarter * pi / 2)
        x, y = centre[0] + _MIDDLES[ring] * cos(quarter * pi / 2), centre[1]
        if figure.mean_um is not None:
            yield Label(x, y - down if turned else y + down, f"{figure.mean_um:.0f}")
