"""Labels as TIFF: one file, whatever shape they have, with their schema in it and beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tifffile

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.data.annotations.description import (
    KEY,
    Description,
    sidecar_of,
    write_sidecar,
)
from napari_octsam.data.annotations.label_store import Labels
from napari_octsam.data.annotations.saved import SavedAnnotation

__all__ = ["SUFFIXES", "write_described_tiff", "write_tiff"]

SUFFIXES = (".tif", ".tiff")
"""Of a file that `write_tiff` writes."""

_CENTIMETRES = {
    "nanometer": 1e-7,
    "micrometer": 1e-4,
    "millimeter": 0.1,
    "centimeter": 1.0,
    "meter": 100.0,
}
_RATIONAL = (2.0**-31, 2.0**31)  # between which a TIFF can have a resolution


def write_tiff(saved: SavedAnnotation, path: Path) -> None:
    """Write the labels as they are; UserError where the file cannot be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path} is no TIFF: name a file that ends in .tif.")
    write_described_tiff(path, saved.labels.read_all(), Description.of(saved.annotation))


def write_described_tiff(path: Path, labels: Labels, description: Description) -> None:
    """Write (..., H, W) labels with what they are; UserError where that cannot be done."""
    with replacing(path) as part:
        tifffile.imwrite(
            part,
            labels,
            compression="zlib",
            photometric="minisblack",
            metadata={KEY: description.model_dump(mode="json")},
            **_resolution(description.scale, description.units),
        )
        write_sidecar(sidecar_of(path), description.label_schema)


def _resolution(scale: Sequence[float], units: Sequence[str]) -> dict[str, Any]:
    """Return the pixels a centimetre, where the size of a pixel is known."""
    sizes = [abs(size) * _CENTIMETRES.get(unit, 0) for size, unit in zip(scale, units, strict=True)]
    rows, cols = sizes[-2:]
    low, high = _RATIONAL
    if not (low < rows < high and low < cols < high):
        return {}
    return {"resolution": (1 / cols, 1 / rows), "resolutionunit": "CENTIMETER"}
