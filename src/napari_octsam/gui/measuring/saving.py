"""What was measured is written to files: CSV, JSON, a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.core.version import __version__
from napari_octsam.evaluation.overlays import labels_picture
from napari_octsam.gui.layers.bscans import Plane, read_bscan
from napari_octsam.measurement.records import record, write_csv, write_records
from napari_octsam.measurement.report import BScanPicture, write_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from napari.layers import Image

    from napari_octsam.gui.measuring.measurable import MeasuredLayer

__all__ = ["save_csv", "save_json", "save_page"]


def save_csv(path: Path, found: MeasuredLayer) -> None:
    """Write every figure as a table."""
    write_csv(path, [record(found.name, found.measured)])


def save_json(path: Path, found: MeasuredLayer) -> None:
    """Write every figure and lesion, as `octsam measure --json` does."""
    about = {"octsam": __version__, "use": "research use only"}
    write_records(path, about, [record(found.name, found.measured)])


def save_page(path: Path, found: MeasuredLayer, image: Image | None, models: Sequence[str]) -> None:
    """Write the page, with the B-scan through the fovea on its image, where there is one."""
    fovea, labels = found.measured.fovea, found.labels
    bscans = labels if labels.ndim == 3 else labels[None]
    number = len(bscans) // 2 if fovea is None else round(fovea.bscan)
    index = (number,) if labels.ndim == 3 else ()
    shown = labels_picture(
        _grey(image, index, bscans[number]), bscans[number], found.measured.schema
    )
    title = f"B-scan {number}" if index else "The B-scan"
    write_page(path, found.name, found.measured, models, BScanPicture(title, shown))


def _grey(
    image: Image | None, index: tuple[int, ...], labels: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    if image is not None:
        try:
            pixels = read_bscan(image, Plane((len(index), len(index) + 1), index)).pixels
        except UserError:
            pass
        else:
            if pixels.shape == labels.shape:
                return pixels
    return labels * 0
