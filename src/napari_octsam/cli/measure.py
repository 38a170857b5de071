"""`octsam measure`: thickness, areas and volumes of labels in µm and mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_octsam import __version__
from napari_octsam.cli.cohort import Processes, Scheduler
from napari_octsam.cli.console import complain, note, out, working
from napari_octsam.cli.measured_files import Asked, files_to_measure, measure_file
from napari_octsam.cli.measured_tables import terminal_table
from napari_octsam.cli.outputs import Overwrite, check_outputs
from napari_octsam.core.classes import BUNDLED_SCHEMAS, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted

if TYPE_CHECKING:
    from napari_octsam.cli.measured_files import MeasuredFile
    from napari_octsam.measurement.fovea import Fovea
    from napari_octsam.measurement.tables import TextTable

__all__ = ["measure"]

_ABOUT = {"octsam": __version__, "use": "research use only"}
_MOST_ROWS = 50  # of the terminal: the files have all


def measure(
    labels: Annotated[
        Path, typer.Argument(help="Labels, an annotation NAME.octsam, or a folder of either.")
    ],
    schema: Annotated[
        str | None,
        typer.Option(
            help=f"Classes: a bundled schema ({', '.join(BUNDLED_SCHEMAS)}) or a TOML file; "
            "default: as the labels or their data set say."
        ),
    ] = None,
    spacing: Annotated[
        str | None,
        typer.Option(
            metavar="UM,UM,UM",
            help="µm between B-scans, rows and columns, where the file does not know it; of a "
            "single B-scan the last two.",
        ),
    ] = None,
    laterality: Annotated[
        Literal["OD", "OS"] | None,
        typer.Option(help="Right (OD) or left eye (OS): names the nasal and the temporal side."),
    ] = None,
    first: Annotated[
        Literal["superior", "inferior"] | None,
        typer.Option(help="Where the first B-scan lies: names the superior and inferior side."),
    ] = None,
    fovea: Annotated[
        str | None,
        typer.Option(
            metavar="B,COL", help="B-scan and column of the fovea, from 0; default: it is found."
        ),
    ] = None,
    circle: Annotated[
        str | None,
        typer.Option(
            metavar="TSNIT",
            help="The B-scan is a circle around the optic disc: what it meets from its first "
            "column on, T(emporal), S(uperior), N(asal), I(nferior).",
        ),
    ] = None,
    span: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UPPER:LOWER", help="Layers to measure together too, such as RNFL:INL."
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            help="Labels of a later visit of the same eye: what has changed, aligned at the fovea."
        ),
    ] = None,
    compare_fovea: Annotated[
        str | None, typer.Option(metavar="B,COL", help="As --fovea, of the later visit.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every figure to this file too.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write every figure to this table too.")
    ] = None,
    columns_file: Annotated[
        Path | None,
        typer.Option("--columns", help="Write the thickness of every column to this table too."),
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", help="Write a page to print too, .html, of one scan."),
    ] = None,
    processes: Processes = None,
    scheduler: Scheduler = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure layers and lesions: thickness in µm, areas in mm², volumes in mm³.

    Each figure says how much of its place was measured, and whose labels these are. Research use
    only.
    """
    from napari_octsam.measurement.circles import circle_order
    from napari_octsam.measurement.measure import Eye
    from napari_octsam.measurement.spacing import spacing_in

    outputs = [json_file, csv_file, columns_file, report_file]
    inputs = [labels, *([Path(schema)] if schema else []), *([compare] if compare else [])]
    check_outputs(outputs, overwrite, inputs)
    files = files_to_measure(labels)
    check_outputs(outputs, overwrite, files)
    alone = files == [labels]
    for option, given in (
        ("--fovea", fovea), ("--compare", compare), ("--report", report_file),
    ):  # fmt: skip
        if given is not None and not alone:
            raise UserError(f"{option} is of one scan: measure the files of the folder one by one.")
    if compare_fovea is not None and compare is None:
        raise UserError("--compare-fovea is of a later visit: name it with --compare.")
    asked = Asked(
        None if schema is None else load_schema(schema),
        None if spacing is None else spacing_in(spacing),
        Eye(laterality, first, _fovea(fovea), None if circle is None else circle_order(circle)),
        tuple(span or ()),
    )
    wanted = _Files(json_file, csv_file, columns_file, report_file)
    if alone:
        _measure_one(labels, asked, wanted, compare, _fovea(compare_fovea))
    else:
        _measure_folder(files, asked, wanted, processes, scheduler)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files that a person wants."""

    json: Path | None
    csv: Path | None
    columns: Path | None
    report: Path | None


def _measure_one(
    labels: Path, asked: Asked, wanted: _Files, compare: Path | None, fovea: Fovea | None
) -> None:
    """Measure a file, and a later visit where there is one."""
    from napari_octsam.measurement.change import change_between
    from napari_octsam.measurement.records import (
        change_record,
        columns_table,
        record,
        write_columns,
        write_csv,
        write_records,
    )
    from napari_octsam.measurement.tables import change_tables

    with working(f"Measuring {labels.name}"):
        found = measure_file(labels, asked)
    _show(found)
    changes, tables = [], []
    if compare is not None:
        with working(f"Measuring {compare.name}"):
            later = measure_file(compare, replace(asked, eye=replace(asked.eye, fovea=fovea)))
        change = change_between(found.measured, later.measured)
        changes, tables = [change_record(found.name, later.name, change)], [*change_tables(change)]
        for table in tables:
            out.print(terminal_table(table, f"{found.name}, then {later.name}"))
    records = [record(found.name, found.measured)]
    if wanted.json is not None:
        write_records(wanted.json, _ABOUT, records, changes)
    if wanted.csv is not None:
        write_csv(wanted.csv, records)
    if wanted.columns is not None:
        write_columns(wanted.columns, [(found.name, columns_table(found.measured))])
    if wanted.report is not None:
        _write_report(wanted.report, found, tables)


def _measure_folder(
    files: Sequence[Path],
    asked: Asked,
    wanted: _Files,
    processes: int | None,
    scheduler: str | None,
) -> None:
    """Measure many files into one table; name those that could not be measured at the end."""
    from napari_octsam.cli.measured_cohort import measure_cohort
    from napari_octsam.measurement.overview import overview_tables
    from napari_octsam.measurement.records import write_columns, write_csv, write_records

    columns = wanted.columns is not None
    cohort = measure_cohort(files, asked, columns=columns, processes=processes, scheduler=scheduler)
    for table in overview_tables(cohort.records(), _MOST_ROWS):
        out.print(terminal_table(table))
    if wanted.json is not None:
        write_records(wanted.json, _ABOUT, cohort.records(), failed=cohort.failed)
    if wanted.csv is not None:
        write_csv(wanted.csv, cohort.records())
    if wanted.columns is not None and cohort.kept:
        write_columns(wanted.columns, cohort.columns())
    for name, reason in cohort.failed.items():
        complain(reason if name in reason else f"{name}: {reason}")
    if cohort.failed:
        raise UserError(f"{counted(len(cohort.failed), 'file')} could not be measured.")


def _fovea(text: str | None) -> Fovea | None:
    from napari_octsam.measurement.fovea import Fovea

    if text is None:
        return None
    try:
        bscan, col = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(
            f"The fovea '{text}' cannot be read: it is a B-scan and a column, such as 24,256."
        ) from error
    return Fovea(bscan, col, found=False)


def _show(found: MeasuredFile) -> None:
    from napari_octsam.measurement.tables import measured_tables

    name, measured = found.name, found.measured
    for table in measured_tables(measured):
        out.print(terminal_table(table, name))
    if measured.eye.circle is not None:
        note(f"{name} is a circle: it has no volumes.")
    elif measured.spacing.between is None:
        note(f"{name} is a single B-scan: it has no volumes and no subfields.")
    elif measured.fovea is None:
        note(f"No fovea was found in {name}: say where it is with --fovea, for the subfields.")
    elif measured.fovea.found:
        fovea = measured.fovea
        note(f"The fovea of {name} was found on B-scan {fovea.bscan:g}, column {fovea.col:g}.")


def _write_report(path: Path, found: MeasuredFile, changes: Sequence[TextTable]) -> None:
    from napari_octsam.cli.measured_picture import bscan_picture
    from napari_octsam.measurement.report import write_page

    write_page(path, found.name, found.measured, found.models, bscan_picture(found), changes)
