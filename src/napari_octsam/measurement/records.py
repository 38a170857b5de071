"""What was measured as files for other programs: CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_octsam.core import files
from napari_octsam.core.errors import UserError
from napari_octsam.measurement.change import Change, LesionChange
from napari_octsam.measurement.figures import Basis
from napari_octsam.measurement.measure import Measured

__all__ = [
    "change_record",
    "columns_table",
    "record",
    "write_columns",
    "write_csv",
    "write_records",
]

_COLUMNS = (
    "file", "kind", "name", "region", "mean_um", "median_um", "min_um", "max_um", "count",
    "area_mm2", "height_um", "volume_mm3", "enface_mm2", "coverage_percent", "bscans", "states",
)  # fmt: skip


def write_csv(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write one row for each figure of records, by file; what is not known stays empty.

    One record is held at a time.
    """
    with (
        files.replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        file.write(",".join(_COLUMNS) + "\r\n")
        for each in records:
            table = pd.DataFrame(list(_rows(each)), columns=list(_COLUMNS))
            table.astype({"count": "Int64"}).to_csv(
                file, index=False, header=False, lineterminator="\r\n"
            )


def columns_table(measured: Measured) -> str:
    """Return one row for each A-scan, as CSV: the thickness of each span in µm."""
    shapes = [each.shape for each in measured.heights.values()]
    bscans, cols = np.indices(shapes[0]) if shapes else np.zeros((2, 0, 0), int)
    heights = {f"{span}_um": each.ravel() for span, each in measured.heights.items()}
    table = pd.DataFrame({"bscan": bscans.ravel(), "column": cols.ravel(), **heights})
    return table.to_csv(index=False, lineterminator="\r\n", float_format="%.3f")


def write_columns(path: Path, tables: Iterable[tuple[str, str]]) -> None:
    """Write the tables of the columns of several files, by name, as one; all of one schema.

    Raises
    ------
    UserError
        They have other layers, or the file cannot be written.
    """
    with (
        files.replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        first = ""
        for name, table in tables:
            heading, _, rows = table.partition("\r\n")
            if not first:
                first = heading
                file.write(f"file,{heading}\r\n")
            if heading != first:
                raise UserError(f"{name} has other layers than the files before: measure it alone.")
            quoted = '"' + name.replace('"', '""') + '"'
            file.writelines(f"{quoted},{row}\r\n" for row in rows.split("\r\n") if row)


def write_records(
    path: Path,
    about: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    changes: Iterable[Mapping[str, Any]] = (),
    failed: Mapping[str, str] | None = None,
) -> None:
    """Write records as JSON, one held at a time, with why other files have none."""
    rest = {
        "changes": list(changes),
        "failed": [{"file": name, "reason": why} for name, why in (failed or {}).items()],
    }
    with (
        files.replacing(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.write(f'{{"about": {_json(about)},\n"measured": [')
        for number, each in enumerate(records):
            file.write(f"{',' if number else ''}\n{_json(each)}")
        file.write(f"\n],\n{_json(rest)[1:]}\n")


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, allow_nan=False, ensure_ascii=False)


def record(name: str, measured: Measured) -> dict[str, Any]:
    """Return everything but the single columns, as JSON has it; what is not known is null."""
    eye, spacing = measured.eye, measured.spacing
    return {
        "file": name,
        "schema": measured.schema.name,
        "spacing_um": asdict(spacing),
        "laterality": eye.laterality,
        "first_bscan": eye.first,
        "circle": eye.circle,
        "fovea": None if measured.fovea is None else asdict(measured.fovea),
        "thickness": [_plain(each) for each in measured.thickness],
        "lesions": [_plain(each) for each in measured.lesions],
        "pieces": {name: [asdict(p) for p in each] for name, each in measured.pieces.items()},
    }


def change_record(before: str, after: str, change: Change) -> dict[str, Any]:
    """Return what has changed from one file to another, as JSON has it."""
    return {
        "before": before,
        "after": after,
        "thickness": [_plain(each) for each in change.thickness],
        "lesions": [_lesion_change(each) for each in change.lesions],
    }


def _lesion_change(each: LesionChange) -> dict[str, Any]:
    values = asdict(each)
    return {**values, "before": _basis(each.before), "after": _basis(each.after)}


def _plain(figure: Any) -> dict[str, Any]:
    values = asdict(figure)
    del values["basis"]
    return {**values, **_basis(figure.basis)}


def _basis(basis: Basis) -> dict[str, Any]:
    return {
        "coverage_percent": basis.coverage,
        "bscans": basis.bscans,
        "states_percent": dict(basis.states),
    }


def _rows(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, key in (("thickness", "span"), ("lesions", "name")):
        for figure in record[kind]:
            shares = figure["states_percent"].items()
            states = ", ".join(f"{share:.0f} % {state}" for state, share in shares)
            yield {
                **figure, "file": record["file"], "kind": kind, "name": figure[key],
                "states": states,
            }  # fmt: skip
