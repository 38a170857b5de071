"""Labels as PNG: a file, or a folder with a file for each B-scan of a volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import building, replacing
from napari_octsam.data.annotations.description import (
    KEY,
    Description,
    sidecar_of,
    write_sidecar,
)
from napari_octsam.data.annotations.label_store import Labels
from napari_octsam.data.annotations.saved import SavedAnnotation, bscan_name

__all__ = ["SUFFIX", "write_png"]

SUFFIX = ".png"
"""Of a file that `write_png` writes."""


def write_png(saved: SavedAnnotation, path: Path) -> None:
    """Write labels of 8 bit, or of 16 where they need it.

    Raises
    ------
    UserError
        The labels have values below 0 or above 65535, or the files cannot be written.
    """
    annotation = saved.annotation
    info = PngInfo()
    info.add_itxt(KEY, Description.of(annotation).model_dump_json())
    labels = _fitting(saved)
    if labels.ndim == 2:
        if path.suffix.lower() != SUFFIX:
            raise UserError(f"{path} is no PNG: name a file that ends in {SUFFIX}.")
        with replacing(path) as part:
            Image.fromarray(labels).save(part, pnginfo=info)
            write_sidecar(sidecar_of(path), annotation.label_schema)
        return
    with building(path) as folder:
        for index in saved.indices:
            name = f"{bscan_name(annotation.image, index)}{SUFFIX}"
            with replacing(folder / name) as part:
                Image.fromarray(labels[index]).save(part, pnginfo=info)
        write_sidecar(sidecar_of(folder), annotation.label_schema)


def _fitting(saved: SavedAnnotation) -> Labels:
    labels = saved.labels.read_all()
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise UserError(
            f"PNG cannot hold the label values of {saved.path}, {low} to {high}: export as TIFF."
        )
    return labels.astype(np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16)
