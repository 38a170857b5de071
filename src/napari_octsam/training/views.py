"""Views of a labelled B-scan: four that a frozen encoder sees, each once; else new ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.data.pairs import LabelledBScan

__all__ = ["VIEWS", "BScanView", "random_view", "view_of"]

VIEWS = 4
"""Views of a B-scan: as it is; mirrored; darker; mirrored, brighter and larger."""

_GAMMA = (1.0, 1.0, 1.35, 0.75)
_SCALE = (1.0, 1.0, 1.0, 1.25)

_GAMMAS, _ZOOMS = 0.25, 0.2  # deviation and most, of logarithms
_TILTS = 0.06  # deviation, in rows a column
_SHIFTS = 0.06  # most, of rows and columns
_NOISE = 0.2  # most deviation of a pixel, of what is there


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


def random_view(bscan: LabelledBScan, random: np.random.Generator) -> BScanView:
    """Return a new view: mirrored or not, zoomed, tilted, shifted, darker or brighter, noisier.

    What lies outside of the B-scan is labelled by nobody.
    """
    mirror = slice(None, None, -1) if random.random() < 0.5 else slice(None)
    gamma = np.exp(np.clip(random.normal(0, _GAMMAS), -2 * _GAMMAS, 2 * _GAMMAS))
    curve = 255 * np.linspace(0, 1, 256, dtype=np.float32) ** gamma
    zoom = np.exp(random.uniform(-_ZOOMS, _ZOOMS, 2))
    matrix = np.array([[zoom[0], random.normal(0, _TILTS)], [0.0, zoom[1]]])
    shape = np.array(bscan.labels.shape)
    offset = shape / 2 - matrix @ (shape / 2) + random.uniform(-_SHIFTS, _SHIFTS, 2) * shape
    seen = ndimage.affine_transform(
        curve[bscan.image][:, mirror], matrix, offset, order=1, mode="nearest"
    )
    seen *= 1 + random.uniform(0, _NOISE) * random.standard_normal(seen.shape, np.float32)
    labels = ndimage.affine_transform(
        bscan.labels[:, mirror], matrix, offset, order=0, mode="constant", cval=NOT_LABELLED
    )
    return BScanView(seen.clip(0, 255).round().astype(np.uint8), labels)


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
