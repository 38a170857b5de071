"""`octsam measure`: thickness, areas and volumes of labels in µm and mm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_octsam import __version__
from napari_octsam.cli.console import complain, note, out, steps_bar
from napari_octsam.cli.measured_files import files_to_measure, read_measurable
from napari_octsam.cli.outputs import Overwrite, check_outputs
from napari_octsam.core.classes import BUNDLED_SCHEMAS, load_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted

if TYPE_CHECKING:
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.measurement.fovea import Fovea
    from napari_octsam.measurement.measure import Eye, Measured
    from napari_octsam.measurement.spacing import Spacing

__all__ = ["measure"]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a person says of every file."""

    schema: LabelSchema | None
    spacing: Spacing | None
    eye: Eye
    spans: Sequence[str]


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
    span: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UPPER:LOWER", help="Layers to measure together too, such as RNFL:INL."
        ),
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
    overwrite: Overwrite = False,
) -> None:
    """Measure layers and lesions: thickness in µm, areas in mm², volumes in mm³.

    Each figure says how much of its place was measured, and whose labels these are. Research use
    only.
    """
    from napari_octsam.measurement.measure import Eye
    from napari_octsam.measurement.records import write_columns, write_csv
    from napari_octsam.measurement.spacing import spacing_in

    inputs = [labels, *([Path(schema)] if schema else [])]
    check_outputs([json_file, csv_file, columns_file], overwrite, inputs)
    files = files_to_measure(labels)
    check_outputs([json_file, csv_file, columns_file], overwrite, files)
    if fovea is not None and files != [labels]:
        raise UserError("--fovea is of one scan: measure the files of the folder one by one.")
    asked = _Asked(
        None if schema is None else load_schema(schema),
        None if spacing is None else spacing_in(spacing),
        Eye(laterality, first, None if fovea is None else _fovea(fovea)),
        span or [],
    )
    measured, failed = _measure_all(files, asked, alone=files == [labels])
    for name, each in measured.items():
        _show(name, each)
    if json_file is not None:
        _write_json(json_file, measured, failed)
    if csv_file is not None:
        write_csv(csv_file, measured)
    if columns_file is not None and measured:
        write_columns(columns_file, measured)
    if failed:
        raise UserError(f"{counted(len(failed), 'file')} could not be measured.")


def _fovea(text: str) -> Fovea:
    from napari_octsam.measurement.fovea import Fovea

    try:
        bscan, col = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(
            f"The fovea '{text}' cannot be read: it is a B-scan and a column, such as 24,256."
        ) from error
    return Fovea(bscan, col, found=False)


def _measure_all(
    files: Sequence[Path], asked: _Asked, *, alone: bool
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Measure files; return the figures, and why others have none, by name."""
    measured: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    with steps_bar("Measuring", len(files)) as show:
        for done, path in enumerate(files):
            show(done, path.name)
            try:
                measured[path.name] = _measure_file(path, asked)
            except UserError as error:
                if alone:
                    raise
                failed[path.name] = str(error)
    for reason in failed.values():
        complain(reason)
    return measured, failed


def _measure_file(path: Path, asked: _Asked) -> Measured:
    from napari_octsam.measurement.measure import measure as measure_labels
    from napari_octsam.measurement.thickness import span_of

    found = read_measurable(path, asked.schema, asked.spacing)
    spans = [span_of(text, found.schema) for text in asked.spans]
    try:
        return measure_labels(
            found.labels, found.schema, found.spacing, asked.eye, found.states, spans
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _show(name: str, measured: Measured) -> None:
    from napari_octsam.cli.measured_tables import measured_tables

    for table in measured_tables(name, measured):
        out.print(table)
    if measured.spacing.between is None:
        note(f"{name} is a single B-scan: it has no volumes and no subfields.")
    elif measured.fovea is None:
        note(f"No fovea was found in {name}: say where it is with --fovea, for the subfields.")
    elif measured.fovea.found:
        fovea = measured.fovea
        note(f"The fovea of {name} was found on B-scan {fovea.bscan:g}, column {fovea.col:g}.")


def _write_json(path: Path, measured: dict[str, Measured], failed: dict[str, str]) -> None:
    from napari_octsam.core.files import write_json
    from napari_octsam.measurement.records import record

    content = {
        "about": {"octsam": __version__, "use": "research use only"},
        "measured": [record(name, each) for name, each in measured.items()],
        "failed": [{"file": name, "reason": reason} for name, reason in failed.items()],
    }
    write_json(path, content)
