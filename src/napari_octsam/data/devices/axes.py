"""The axes of a scan, as labels and layers of it have them."""

from __future__ import annotations

from typing import NamedTuple

from napari_octsam.data.devices.scan import DeviceScan

__all__ = ["Axes", "axes_of"]

_NAMES = ("B-scan", "row", "column")


class Axes(NamedTuple):
    """Size of a pixel along each axis, its unit as napari has them, and the axis's name."""

    scale: tuple[float, ...]
    units: tuple[str, ...]
    labels: tuple[str, ...]


def axes_of(scan: DeviceScan) -> Axes:
    """Return the axes of a scan; of a single B-scan its rows and columns.

    What is not known is a pixel: of rows and columns both, where one is not known.
    """
    between, axial, lateral = scan.distances
    if axial is None or lateral is None:
        axial = lateral = None
    known = (between, axial, lateral)[-2 if scan.bscans.shape[0] == 1 else -3 :]
    return Axes(
        tuple(1.0 if each is None else each for each in known),
        tuple("pixel" if each is None else "micrometer" for each in known),
        _NAMES[-len(known) :],
    )
