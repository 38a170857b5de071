"""What a device's file holds of one scan of one eye; nothing of whose eye it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Laterality, Side
from napari_octsam.data.lazy import LazyVolume

__all__ = ["BScans", "DeviceScan", "Distances", "Fundus", "Line", "Pattern"]

Pattern = Literal["volume", "line", "star", "circle"]
BScans = npt.NDArray[Any] | LazyVolume
Line = npt.NDArray[np.float64]
"""(vertices, 2) rows and columns of a fundus picture, from the first A-scan to the last."""


class Distances(NamedTuple):
    """µm between the middles of neighbours; None where the file does not say."""

    between: float | None
    """Of B-scans; also None where they are not equally far apart, or it is one."""
    axial: float | None
    """Of rows, along the A-scan."""
    lateral: float | None
    """Of columns, that is of A-scans."""


@dataclass(frozen=True, slots=True, eq=False)
class Fundus:
    """The picture that a device takes of the fundus while it scans.

    Parameters
    ----------
    pixels
        (H, W) or (H, W, 3) uint8.
    lines
        Of each B-scan, on the picture; () where the file does not say.
    pixel
        µm from a pixel to the one below and to the one on the right; None where unknown.
    """

    pixels: npt.NDArray[np.uint8]
    lines: tuple[Line, ...] = ()
    pixel: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class DeviceScan:
    """A scan.

    Parameters
    ----------
    device
        Who has made it, such as "Heidelberg Spectralis".
    bscans
        (n, H, W) uint8, or of whatever type the device has stored.
    distances
        Between voxels.
    boundaries
        (n, W) float32 rows by the names of `devices.boundaries`; NaN where there is none.
    first
        The side on which the first B-scan of a volume lies.
    notes
        Sentences for the person: what is odd, or not known.
    """

    device: str
    bscans: BScans
    distances: Distances
    laterality: Laterality | None = None
    pattern: Pattern | None = None
    fundus: Fundus | None = None
    boundaries: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    first: Side | None = None
    notes: tuple[str, ...] = ()
