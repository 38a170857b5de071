"""What was measured as tables of text, for a terminal, a page and a window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_octsam.measurement.change import Change, ThicknessChange
from napari_octsam.measurement.figures import Basis, LesionFigure, ThicknessFigure
from napari_octsam.measurement.measure import Measured

__all__ = [
    "TextTable",
    "change_tables",
    "lesion_table",
    "mean_text",
    "measured_tables",
    "subfield_table",
    "subfields",
    "thickness_table",
    "volume_text",
]

_NOTHING = "-"
_GRID = "grid "
_WHOLE = 99.95  # %, from which on a coverage is not told beside a figure


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table; what is not known is "-". The first column has names."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measured_tables(measured: Measured) -> Iterator[TextTable]:
    """Return those tables of the whole scan, of its subfields, and of lesions that have rows.

    The grid of squares is for the files alone: it has too many.
    """
    found = (thickness_table(measured), subfield_table(measured), lesion_table(measured))
    return (table for table in found if table.rows)


def thickness_table(measured: Measured, region: str = "all") -> TextTable:
    """Return the thickness of each span in a region."""
    return TextTable(
        "thickness, µm",
        ("Layers", "Mean", "Median", "Min", "Max", "Coverage", "State"),
        tuple(_thickness(each) for each in measured.thickness if each.region == region),
    )


def subfields(measured: Measured) -> list[str]:
    """Return the names of all regions but the whole scan and the squares of the grid."""
    figures: list[ThicknessFigure | LesionFigure] = [*measured.thickness, *measured.lesions]
    regions = dict.fromkeys(each.region for each in figures)
    return [name for name in regions if name != "all" and not name.startswith(_GRID)]


def subfield_table(measured: Measured) -> TextTable:
    """Return the mean thickness of each span in each subfield, or sector of a circular scan."""
    by_place = {(each.span, each.region): each for each in measured.thickness}
    spans = tuple(measured.heights)
    places = "sector of the circle" if measured.eye.circle else "ETDRS subfield"
    return TextTable(
        f"mean thickness by {places}, µm",
        ("Sector" if measured.eye.circle else "Subfield", *spans),
        tuple(
            (region, *(_mean(by_place[span, region]) for span in spans))
            for region in subfields(measured)
            if spans
        ),
    )


def lesion_table(measured: Measured, region: str = "all") -> TextTable:
    """Return the lesions of each class in a region."""
    return TextTable(
        "lesions",
        (
            "Class", "Count", "Largest area, mm²", "Height, µm", "Volume, mm³",
            "En-face area, mm²", "Coverage", "State",
        ),
        tuple(_lesions(each) for each in measured.lesions if each.region == region),
    )  # fmt: skip


def change_tables(change: Change) -> Iterator[TextTable]:
    """Return the change of each span in the whole and in each subfield, and that of lesions."""
    whole = [each for each in change.thickness if each.region == "all"]
    if whole:
        yield TextTable(
            "change of thickness, µm",
            ("Layers", "Before", "Later", "Change", "Coverage", "State"),
            tuple(_changed(each) for each in whole),
        )
        yield _changed_subfields(change, [each.span for each in whole])
    if change.lesions:
        yield TextTable(
            "change of lesions' volume, mm³",
            ("Class", "Before", "Later", "Change", "Coverage before", "Coverage later"),
            tuple(
                (
                    each.name,
                    _mm(each.before_mm3),
                    _mm(each.after_mm3),
                    _signed(each.change_mm3, 4),
                    _percent(each.before.coverage),
                    _percent(each.after.coverage),
                )
                for each in change.lesions
            ),
        )


def _changed_subfields(change: Change, spans: Sequence[str]) -> TextTable:
    by_place = {(each.span, each.region): each for each in change.thickness}
    regions = [*dict.fromkeys(each.region for each in change.thickness)][1:]
    rows = [(region, *(_mean_change(by_place[s, region]) for s in spans)) for region in regions]
    title = "change of mean thickness by ETDRS subfield, µm"
    return TextTable(title, ("Subfield", *spans), tuple(rows))


def _mean_change(each: ThicknessChange) -> str:
    return f"{_signed(each.change_um, 1)}{_told(each.basis.coverage)}"


def _changed(each: ThicknessChange) -> tuple[str, ...]:
    figures = (_um(each.before_um), _um(each.after_um), _signed(each.change_um, 1))
    return each.span, *figures, *_basis(each.basis)


def _thickness(each: ThicknessFigure) -> tuple[str, ...]:
    figures = (each.mean_um, each.median_um, each.min_um, each.max_um)
    return each.span, *map(_um, figures), *_basis(each.basis)


def mean_text(mean_um: float | None, coverage: float | None) -> str:
    """Return a mean in µm, with its coverage where that is not all."""
    return f"{_um(mean_um)}{_told(coverage)}"


def volume_text(volume_mm3: float | None, coverage: float | None) -> str:
    """Return a volume in mm³, with its coverage where that is not all."""
    return f"{_mm(volume_mm3)}{_told(coverage)}"


def _told(coverage: float | None) -> str:
    return "" if coverage is None or coverage >= _WHOLE else f" ({_percent(coverage)})"


def _mean(each: ThicknessFigure) -> str:
    return mean_text(each.mean_um, each.basis.coverage)


def _lesions(each: LesionFigure) -> tuple[str, ...]:
    return (
        each.name,
        _NOTHING if each.count is None else str(each.count),
        _mm(each.area_mm2),
        _um(each.height_um),
        _mm(each.volume_mm3),
        _mm(each.enface_mm2),
        *_basis(each.basis),
    )


def _basis(basis: Basis) -> tuple[str, str]:
    states: Sequence[str] = [
        state if share >= _WHOLE else f"{_percent(share)} {state}"
        for state, share in basis.states.items()
    ]
    return _percent(basis.coverage), ", ".join(states) or _NOTHING


def _percent(value: float | None) -> str:
    """Return a share that is not told as whole unless it is."""
    if value is None:
        return _NOTHING
    return f"{value:.0f} %" if value >= _WHOLE or value < 99 else f"{value:.1f} %"


def _um(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"


def _mm(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.4f}"


def _signed(value: float | None, digits: int) -> str:
    if value is None:
        return _NOTHING
    return f"{0.0 if round(value, digits) == 0 else value:+.{digits}f}"
