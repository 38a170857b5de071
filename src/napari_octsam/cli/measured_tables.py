"""What was measured as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from napari_octsam.measurement.figures import Basis, LesionFigure
    from napari_octsam.measurement.measure import Measured

__all__ = ["measured_tables"]

_NOTHING = "-"
_GRID = "grid "
_WHOLE = 99.95  # %, from which on a coverage is not told beside a figure


def measured_tables(name: str, measured: Measured) -> Iterator[Table]:
    """Return tables of the whole scan, of its subfields, and of lesions.

    The grid of squares is for the files alone: it has too many.
    """
    whole = [each for each in measured.thickness if each.region == "all"]
    if whole:
        table = _table(f"{name}: thickness, µm", "Layers", "Mean", "Median", "Min", "Max")
        for each in whole:
            figures = (each.mean_um, each.median_um, each.min_um, each.max_um)
            table.add_row(each.span, *map(_um, figures), *_basis(each.basis))
        yield table
    if subfields := _subfields(measured):
        yield _of_subfields(name, measured, subfields)
    lesions = [each for each in measured.lesions if each.region == "all"]
    if lesions:
        yield _of_lesions(name, lesions)


def _subfields(measured: Measured) -> list[str]:
    regions = dict.fromkeys(each.region for each in measured.thickness)
    return [name for name in regions if name != "all" and not name.startswith(_GRID)]


def _of_subfields(name: str, measured: Measured, subfields: list[str]) -> Table:
    table = Table(title=Text(f"{name}: mean thickness by ETDRS subfield, µm"))
    table.add_column("Subfield")
    for span in measured.heights:
        table.add_column(Text(span), justify="right")
    by_place = {(each.span, each.region): each for each in measured.thickness}
    for region in subfields:
        cells = []
        for span in measured.heights:
            each = by_place[span, region]
            covered = each.basis.coverage
            told = "" if covered is None or covered >= _WHOLE else f" ({_percent(covered)})"
            cells.append(f"{_um(each.mean_um)}{told}")
        table.add_row(region, *cells)
    return table


def _of_lesions(name: str, lesions: list[LesionFigure]) -> Table:
    table = _table(
        f"{name}: lesions", "Class", "Count", "Largest area, mm²", "Height, µm", "Volume, mm³",
        "En-face area, mm²",
    )  # fmt: skip
    for each in lesions:
        table.add_row(
            each.name,
            _NOTHING if each.count is None else str(each.count),
            _mm(each.area_mm2),
            _um(each.height_um),
            _mm(each.volume_mm3),
            _mm(each.enface_mm2),
            *_basis(each.basis),
        )
    return table


def _table(title: str, first: str, *figures: str) -> Table:
    table = Table(title=Text(title))
    table.add_column(first)
    for heading in (*figures, "Coverage"):
        table.add_column(heading, justify="right")
    table.add_column("State")
    return table


def _basis(basis: Basis) -> tuple[str, str]:
    states = ", ".join(
        state if share >= _WHOLE else f"{_percent(share)} {state}"
        for state, share in basis.states.items()
    )
    return _percent(basis.coverage), states or _NOTHING


def _percent(value: float | None) -> str:
    """Return a share that is not told as whole unless it is."""
    if value is None:
        return _NOTHING
    return f"{value:.0f} %" if value >= _WHOLE or value < 99 else f"{value:.1f} %"


def _um(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"


def _mm(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.4f}"
