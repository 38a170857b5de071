"""Subject 6 as other devices and exports would show it.

`python -m recipes.octsam_tiny.exports DATA FOLDER` writes it. Each folder is a data set of the same
B-scans and layers, changed in one way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.transform import resize

from napari_octsam.data.pairs import read_pairs
from napari_octsam.data.pictures import write_labels
from recipes.octsam_tiny.sources import VALIDATION_SUBJECT

__all__ = ["EXPORTS", "Shown"]

_AROUND = 20  # rows that a crop leaves above and below the layers
_SIDE = 900  # rows and columns of a letterboxed picture


class Shown(NamedTuple):
    """A B-scan, (H, W) uint8 or uint16, and its (H, W) uint8 labels."""

    image: npt.NDArray[np.uint8 | np.uint16]
    labels: npt.NDArray[np.uint8]


def _inverted(bscan: Shown) -> Shown:
    return bscan._replace(image=255 - bscan.image)


def _overexposed(bscan: Shown) -> Shown:
    return _seen_as(bscan, bscan.image.astype(float) * 3)


def _sixteen_bit(bscan: Shown) -> Shown:
    return bscan._replace(image=bscan.image.astype(np.uint16) * 200 + 1000)


def _speckled(bscan: Shown) -> Shown:
    speckle = np.random.default_rng(0).gamma(4, 1 / 4, bscan.image.shape)
    return _seen_as(bscan, bscan.image * speckle)


def _half_the_size(bscan: Shown) -> Shown:
    size = (bscan.image.shape[0] // 2, bscan.image.shape[1] // 2)
    small = resize(bscan.image.astype(float), size, order=1, anti_aliasing=True)
    labels = resize(bscan.labels, size, order=0, preserve_range=True, anti_aliasing=False)
    return _seen_as(bscan._replace(labels=labels.astype(np.uint8)), small)


def _tilted(bscan: Shown) -> Shown:
    image, labels = (
        ndimage.rotate(plane, 12, reshape=False, order=order)
        for plane, order in ((bscan.image, 1), (bscan.labels, 0))
    )
    return Shown(image, labels)


def _cropped(bscan: Shown) -> Shown:
    rows = np.flatnonzero(bscan.labels.any(axis=1))
    kept = slice(max(rows[0] - _AROUND, 0), rows[-1] + 1 + _AROUND)
    return Shown(bscan.image[kept], bscan.labels[kept])


def _third_of_the_columns(bscan: Shown) -> Shown:
    width = bscan.image.shape[1]
    kept = slice(width // 3, 2 * width // 3)
    return Shown(bscan.image[:, kept], bscan.labels[:, kept])


def _letterboxed(bscan: Shown, shade: int) -> Shown:
    rows, cols = bscan.image.shape
    margins = [((_SIDE - n) // 2, _SIDE - n - (_SIDE - n) // 2) for n in (rows, cols)]
    image = np.pad(bscan.image, margins, constant_values=shade)
    return Shown(image, np.pad(bscan.labels, margins))


def _on_black(bscan: Shown) -> Shown:
    return _letterboxed(bscan, 0)


def _on_white(bscan: Shown) -> Shown:
    return _letterboxed(bscan, 255)


EXPORTS: dict[str, Callable[[Shown], Shown]] = {
    "inverted": _inverted,
    "overexposed": _overexposed,
    "16-bit": _sixteen_bit,
    "speckled": _speckled,
    "half-size": _half_the_size,
    "tilted": _tilted,
    "retina-only": _cropped,
    "third-of-columns": _third_of_the_columns,
    "on-black": _on_black,
    "on-white": _on_white,
}
"""Name of the folder -> how it shows a B-scan."""


def _seen_as(bscan: Shown, grey: npt.NDArray[np.float64]) -> Shown:
    return bscan._replace(image=np.clip(grey, 0, 255).astype(np.uint8))


def main(arguments: Sequence[str]) -> None:
    """Write a folder for each of `EXPORTS`."""
    data, folder = map(Path, arguments)
    for pair in read_pairs(data / "octrima", VALIDATION_SUBJECT):
        for name, show in EXPORTS.items():
            shown = show(Shown(pair.image, pair.labels))
            for kind in ("images", "masks"):
                (folder / name / kind).mkdir(parents=True, exist_ok=True)
            iio.imwrite(folder / name / "images" / f"{pair.name}.png", shown.image)
            write_labels(folder / name / "masks" / f"{pair.name}.png", shown.labels)


if __name__ == "__main__":
    main(sys.argv[1:])
