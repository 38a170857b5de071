"""The names beside drawn shapes: where two would overprint, one of them is not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Shapes

__all__ = ["NAME_SIZE", "show_free_names"]

NAME_SIZE = 9
"""Points."""

_LETTER, _LINE = 12.0, 16.0  # pixels of the canvas: capitals of that size
_WHITE, _CLEAR = (1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 0.0)


def show_free_names(layer: Shapes, displayed: Sequence[int], zoom: float) -> None:
    """Show the names of shapes that no later shape's name on the same B-scan overprints.

    The others get a clear colour: their text stays, so that a text never becomes empty.

    Parameters
    ----------
    displayed
        Axes of the layer that are rows and columns.
    zoom
        Pixels of the canvas for a unit of the world.
    """
    names = [str(name) for name in layer.text.values]
    corners = np.array([np.min(vertices, axis=0) for vertices in layer.data])
    if not len(corners):
        return
    world = np.array([layer.data_to_world(corner) for corner in corners])
    places = zoom * world[:, list(displayed)]
    bscans = np.rint(np.delete(corners, list(displayed), axis=1))
    colors = [_WHITE if free else _CLEAR for free in _free(names, places, bscans)]
    now = np.broadcast_to(layer.text.color(layer.features), (len(colors), 4))
    if not np.array_equal(now, colors):
        layer.text.color = {"array": colors, "default": _WHITE}


def _free(
    names: Sequence[str], places: npt.NDArray[np.float64], bscans: npt.NDArray[np.float64]
) -> list[bool]:
    """Return for each name whether there is room for it: the last ones come first."""
    kept: list[int] = []
    for i in reversed(range(len(names))):
        if not any(_overprint(i, other, names, places, bscans) for other in kept):
            kept.append(i)
    return [i in kept for i in range(len(names))]


def _overprint(
    one: int,
    other: int,
    names: Sequence[str],
    places: npt.NDArray[np.float64],
    bscans: npt.NDArray[np.float64],
) -> bool:
    down, right = places[other] - places[one]
    left = one if right > 0 else other
    return bool(
        abs(down) < _LINE
        and abs(right) < _LETTER * len(names[left])
        and np.array_equal(bscans[one], bscans[other])
    )
