"""Many scans in one table: a row each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from napari_octsam.measurement.tables import TextTable, mean_text, volume_text

__all__ = ["overview_tables"]

_Figures = dict[str, str]


def overview_tables(records: Iterable[Mapping[str, Any]], most: int) -> list[TextTable]:
    """Return the mean thickness of the whole of each scan, and its lesions' volumes.

    Parameters
    ----------
    records
        As `records.record` makes them; one is held at a time.
    most
        Rows that are shown: where there are more, the title says so.
    """
    thickness: dict[str, _Figures] = {}
    lesions: dict[str, _Figures] = {}
    count = 0
    for count, record in enumerate(records, start=1):
        if count > most:
            continue
        name = record["file"]
        thickness[name] = {
            each["span"]: mean_text(each["mean_um"], each["coverage_percent"])
            for each in record["thickness"]
            if each["region"] == "all"
        }
        lesions[name] = {
            each["name"]: volume_text(each["volume_mm3"], each["coverage_percent"])
            for each in record["lesions"]
            if each["region"] == "all"
        }
    shown = f" (the first {most} of {count})" if count > most else ""
    found = (
        _table(f"mean thickness of the whole scan, µm{shown}", thickness),
        _table(f"volume of lesions, mm³{shown}", lesions),
    )
    return [table for table in found if len(table.headings) > 1]


def _table(title: str, figures: Mapping[str, _Figures]) -> TextTable:
    """Return a row for each file; figures that it has not are "-"."""
    columns = list(dict.fromkeys(name for row in figures.values() for name in row))
    rows = ((file, *(row.get(name, "-") for name in columns)) for file, row in figures.items())
    return TextTable(title, ("File", *columns), tuple(rows))
