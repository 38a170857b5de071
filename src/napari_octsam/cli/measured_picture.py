"""The B-scan of a report: with its labels, on its image where that is at hand."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised, take_bscan

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from napari_octsam.cli.measured_files import MeasuredFile
    from napari_octsam.measurement.report import BScanPicture

__all__ = ["bscan_picture"]


def bscan_picture(found: MeasuredFile) -> BScanPicture:
    """Return the B-scan through the fovea, else the middle one."""
    from napari_octsam.evaluation.overlays import labels_picture
    from napari_octsam.measurement.report import BScanPicture

    labels = found.labels if found.labels.ndim == 3 else found.labels[None]
    fovea = found.measured.fovea
    number = len(labels) // 2 if fovea is None else round(fovea.bscan)
    grey = np.zeros(labels.shape[1:], np.uint8)
    if found.image is not None:
        index = (number,) if found.labels.ndim == 3 else ()
        with suppress(UserError):  # the labels alone show where they are
            grey = _read(found.image, index, grey.shape)
    title = f"B-scan {number}" if len(labels) > 1 else "The B-scan"
    return BScanPicture(title, labels_picture(grey, labels[number], found.measured.schema))


def _read(path: Path, index: tuple[int, ...], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    from napari_octsam.data.pictures import is_rgb, open_picture

    picture = open_picture(path)
    grey = normalised(as_grey(take_bscan(picture, index, rgb=is_rgb(picture))))
    if grey.shape != shape:
        raise UserError(f"{path} is of another size than its labels.")
    return grey
