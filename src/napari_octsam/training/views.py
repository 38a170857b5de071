"""The views of a labelled B-scan that a frozen encoder sees, each of them once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_octsam.io.pairs import LabelledBScan

__all__ = ["VIEWS", "BScanView", "view_of"]

VIEWS = 4
"""Views of a B-scan: as it is, mirrored, darker, mirrored and brighter."""

_GAMMA = (1.0, 1.0, 1.35, 0.75)


@dataclass(frozen=True, slots=True, eq=False)
class BScanView:
    """A B-scan and its labels, changed alike.

    Parameters
    ----------
    image
        (H, W) uint8 grey.
    labels
        (H, W) uint8 label values.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]


def view_of(bscan: LabelledBScan, number: int) -> BScanView:
    """Return view `number`, 0 to `VIEWS` - 1; 0 is the B-scan itself."""
    mirror = slice(None, None, -1) if number % 2 else slice(None)
    curve = np.round(255 * np.linspace(0, 1, 256) ** _GAMMA[number]).astype(np.uint8)
    image = np.ascontiguousarray(curve[bscan.image][:, mirror])
    return BScanView(image, np.ascontiguousarray(bscan.labels[:, mirror]))
