"""What was measured as files for other programs: CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_octsam.core import files
from napari_octsam.measurement.figures import Basis, LesionFigure, ThicknessFigure
from napari_octsam.measurement.measure import Measured

__all__ = ["record", "write_columns", "write_csv"]

_COLUMNS = (
    "file", "kind", "name", "region", "mean_um", "median_um", "min_um", "max_um", "count",
    "area_mm2", "height_um", "volume_mm3", "enface_mm2", "coverage_percent", "bscans", "states",
)  # fmt: skip


def write_csv(path: Path, measured: Mapping[str, Measured]) -> None:
    """Write one row for each figure, by the name of the file; what is not known stays empty."""
    rows = [{"file": name, **row} for name, each in measured.items() for row in _rows(each)]
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"count": "Int64"})
    with files.replacing(path) as part:
        table.to_csv(part, index=False, lineterminator="\r\n")


def write_columns(path: Path, measured: Mapping[str, Measured]) -> None:
    """Write one row for each A-scan, as CSV: the thickness of each span in µm."""
    with files.replacing(path) as part:
        pd.concat([_of_columns(name, each) for name, each in measured.items()]).to_csv(
            part, index=False, lineterminator="\r\n", float_format="%.3f"
        )


def record(name: str, measured: Measured) -> dict[str, Any]:
    """Return everything but the single columns, as JSON has it; what is not known is null."""
    eye, spacing = measured.eye, measured.spacing
    return {
        "file": name,
        "schema": measured.schema.name,
        "spacing_um": asdict(spacing),
        "laterality": eye.laterality,
        "first_bscan": eye.first,
        "fovea": None if measured.fovea is None else asdict(measured.fovea),
        "thickness": [_plain(each) for each in measured.thickness],
        "lesions": [_plain(each) for each in measured.lesions],
        "pieces": {name: [asdict(p) for p in each] for name, each in measured.pieces.items()},
    }


def _plain(figure: ThicknessFigure | LesionFigure) -> dict[str, Any]:
    values = asdict(figure)
    basis: Mapping[str, Any] = values.pop("basis")
    return {
        **values,
        "coverage_percent": basis["coverage"],
        "bscans": basis["bscans"],
        "states_percent": basis["states"],
    }


def _rows(measured: Measured) -> Iterator[dict[str, Any]]:
    for thickness in measured.thickness:
        values = asdict(thickness)
        yield {"kind": "thickness", "name": values.pop("span"), **values, **_of(thickness.basis)}
    for lesion in measured.lesions:
        yield {"kind": "lesions", **asdict(lesion), **_of(lesion.basis)}


def _of(basis: Basis) -> dict[str, Any]:
    states = ", ".join(f"{share:.0f} % {state}" for state, share in basis.states.items())
    return {"coverage_percent": basis.coverage, "bscans": basis.bscans, "states": states}


def _of_columns(name: str, measured: Measured) -> pd.DataFrame:
    shapes = [each.shape for each in measured.heights.values()]
    bscans, cols = np.indices(shapes[0]) if shapes else np.zeros((2, 0, 0), int)
    heights = {f"{span}_um": each.ravel() for span, each in measured.heights.items()}
    return pd.DataFrame({"file": name, "bscan": bscans.ravel(), "column": cols.ravel(), **heights})
