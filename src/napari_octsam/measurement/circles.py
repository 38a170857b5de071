"""Sectors of a circular scan around the optic disc."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.eyes import Laterality
from napari_octsam.measurement.regions import Region

__all__ = ["CircleOrder", "circle_order", "sectors"]

CircleOrder = Literal["TSNIT", "SNITS", "NITSN", "ITSNI", "TINST", "INSTI", "NSTIN", "STINS"]
"""Where a circular scan begins and which way it goes: T(emporal), S(uperior), N(asal), I(nferior).
"""

_AROUND = "TSNI"  # a quarter of the circle apart, at 0° and on
_QUADRANTS = ("temporal", "superior", "nasal", "inferior")
_EIGHTHS = {
    "temporal superior": (45, 90),
    "nasal superior": (90, 135),
    "nasal inferior": (225, 270),
    "temporal inferior": (270, 315),
}
_HOUR = 30
_TEMPORAL_HOUR = {"OD": 9, "OS": 3}


def circle_order(text: str) -> CircleOrder:
    """Return the order that a text names, in any case.

    Raises
    ------
    UserError
        It names none.
    """
    wanted = text.strip().upper()
    for order in get_args(CircleOrder):
        if order == wanted:
            return order  # type: ignore[no-any-return]  # get_args has no types
    raise UserError(
        f"'{text}' is no way around a circle: say what a circular scan meets from its first column "
        f"on, as one of {', '.join(get_args(CircleOrder))}."
    )


def sectors(
    columns: int, order: CircleOrder, laterality: Laterality | None = None
) -> tuple[Region, ...]:
    """Return quadrants, the halves of the upper and lower one, and twelve clock hours.

    Quadrants are 90° wide, around the temporal, superior, nasal and inferior direction; the
    temporal and nasal ones with the four halves are the usual six sectors. An hour is 30° wide,
    named as on a clock that faces the viewer: temporal is 9 in a right eye and 3 in a left one.

    Parameters
    ----------
    columns
        A-scans of the circle.
    order
        Where it begins and which way it goes.
    laterality
        None: hours are named by their angle from temporal over superior.
    """
    angles = _angles(columns, order)
    quadrant, hour = np.floor((angles + 45) / 90) % 4, np.floor((angles + 15) / _HOUR) % 12
    masks = {name: quadrant == number for number, name in enumerate(_QUADRANTS)}
    masks |= {name: (angles >= low) & (angles < high) for name, (low, high) in _EIGHTHS.items()}
    masks |= {_hour_name(number, laterality): hour == number for number in range(12)}
    return tuple(
        Region(name, mask[None], int(np.count_nonzero(mask))) for name, mask in masks.items()
    )


def _angles(columns: int, order: CircleOrder) -> npt.NDArray[np.float64]:
    """Return the angle of each A-scan's middle in degrees, from temporal over superior."""
    begin, then = (_AROUND.index(letter) for letter in order[:2])
    way = 1 if (then - begin) % 4 == 1 else -1
    return np.asarray((90 * begin + way * 360 * (np.arange(columns) + 0.5) / columns) % 360)


def _hour_name(number: int, laterality: Laterality | None) -> str:
    if laterality is None:
        return f"at {number * _HOUR}°"
    way = 1 if laterality == "OD" else -1
    return f"hour {(_TEMPORAL_HOUR[laterality] + way * number - 1) % 12 + 1}"
