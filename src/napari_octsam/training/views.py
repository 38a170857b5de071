"""The views of a labelled B-scan that a frozen encoder sees, each of them once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.data.pairs import LabelledBScan

__all__ = ["VIEWS", "BScanView", "view_of"]

VIEWS = 4
"""Views of a B-scan: as it is; mirrored; darker; mirrored, brighter and larger."""

_GAMMA = (1.0, 1.0, 1.35, 0.75)
_SCALE = (1.0, 1.0, 1.0, 1.25)


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

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.image.shape
        return rows, cols


def view_of(bscan: LabelledBScan, number: int) -> BScanView:
    """Return view `number`, 0 to `VIEWS` - 1; 0 is the B-scan itself."""
    mirror = slice(None, None, -1) if number % 2 else slice(None)
    curve = np.round(255 * np.linspace(0, 1, 256) ** _GAMMA[number]).astype(np.uint8)
    view = BScanView(
        np.ascontiguousarray(curve[bscan.image][:, mirror]),
        np.ascontiguousarray(bscan.labels[:, mirror]),
    )
    return view if _SCALE[number] == 1 else _larger(view, _SCALE[number])


def _larger(view: BScanView, scale: float) -> BScanView:
    """Show what lies around the middle of the labelled pixels, so many times larger."""
    shape = np.array(view.labels.shape)
    start = np.clip(_middle(view.labels) - shape / scale / 2, 0, shape - shape / scale)
    offset = start + 0.5 / scale - 0.5  # a pixel's middle is half a pixel from its edge
    image, labels = (
        ndimage.affine_transform(plane, (1 / scale, 1 / scale), offset, order=order, mode="nearest")
        for plane, order in ((view.image, 1), (view.labels, 0))
    )
    return BScanView(image, labels)


def _middle(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return row and column of the labelled pixel that is nearest to the mean of all of them."""
    places = np.argwhere((labels != 0) & (labels != NOT_LABELLED))
    if not len(places):
        return np.array(labels.shape) / 2
    far = np.square(places - places.mean(axis=0)).sum(axis=1)
    middle: npt.NDArray[np.float64] = places[far.argmin()] + 0.5
    return middle
