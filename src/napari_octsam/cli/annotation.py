"""`octsam annotation`: annotations are listed, checked, exported and imported."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from napari_octsam.cli.commands import Command, Commands
from napari_octsam.cli.console import complain, note, out, say, working
from napari_octsam.cli.outputs import Overwrite, check_output
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing

if TYPE_CHECKING:
    from napari_octsam.core.annotation import BScanState
    from napari_octsam.data.annotations.listing import Summary

__all__ = ["annotation"]

_Kind = Literal["tiff", "png", "masks", "coco"]

annotation = typer.Typer(cls=Commands, no_args_is_help=True)


@annotation.callback()
def _annotation() -> None:
    """List, check, export and import annotations, folders NAME.octsam."""


@annotation.command("list", cls=Command)
def list_annotations(
    folder: Annotated[Path, typer.Argument(help="Where to look, too.")] = Path(),
) -> None:
    """List the annotations in a folder, and those that the plugin keeps for you."""
    from napari_octsam.data.annotations.drafts import drafts_folder
    from napari_octsam.data.annotations.listing import annotations_in

    if not folder.is_dir():
        raise UserError(missing(folder, "folder"))
    kept = drafts_folder()
    places = [folder] if kept.exists() and folder.samefile(kept) else [folder, kept]
    found = [(place, paths) for place in places if (paths := annotations_in(place))]
    for place, paths in found:
        _show(place, paths)
    if not found:
        say(f"No annotations in {' or '.join(str(place) for place in places)}.")


@annotation.command(cls=Command)
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Annotations.")],
) -> None:
    """Check that annotations are whole, and that their images are the ones that were labelled."""
    from napari_octsam.data.annotations.check import check_annotation

    is_bad = False
    for path in paths:
        with working(f"Checking {path.name}"):
            faults = check_annotation(path)
        is_bad |= bool(faults)
        for fault in faults:
            complain(fault)
        if not faults:
            say(f"{path} is whole.")
    if is_bad:
        raise typer.Exit(1)


@annotation.command(cls=Command)
def export(
    path: Annotated[Path, typer.Argument(help="Annotation.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="File; for masks, and for PNG of a volume, a folder."),
    ],
    kind: Annotated[
        _Kind,
        typer.Option(
            "--as",
            help="tiff, png: labels with their schema. masks: a data set for octsam train. coco: "
            "COCO JSON.",
        ),
    ],
    states: Annotated[
        str | None,
        typer.Option(
            help="Of masks and coco: which B-scans, of untouched, automatic, interpolated, "
            "corrected, done; default: corrected,done."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Export the labels of an annotation, and for masks the B-scans too."""
    from napari_octsam.data.annotations.exports import Kind, files_of
    from napari_octsam.data.annotations.exports import export as export_saved
    from napari_octsam.data.annotations.saved import open_saved

    wanted = None if states is None else _states(states)
    saved = open_saved(path)
    for file in files_of(Kind(kind), saved.annotation, output):
        check_output(file, overwrite)
    with working(f"Exporting {path.name}"):
        export_saved(saved, Kind(kind), output, wanted)
    say(f"Wrote {output}.")


@annotation.command("import", cls=Command)
def import_annotation(
    labels: Annotated[
        Path,
        typer.Argument(help="Labels: TIFF, PNG, NPY, COCO JSON, or a folder of pictures."),
    ],
    image: Annotated[Path, typer.Option(help="The image that they belong to.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder NAME.octsam.")],
    schema: Annotated[
        str | None,
        typer.Option(help="Classes, where the labels do not say them: a schema or a TOML file."),
    ] = None,
) -> None:
    """Make an annotation of labels that are there already."""
    from napari_octsam.core.classes import load_schema
    from napari_octsam.data.annotations.imports import import_labels

    with working(f"Importing {labels.name}"):
        made = import_labels(labels, image, output, None if schema is None else load_schema(schema))
    told = f"schema {made.label_schema.name}, B-scans with labels: {len(made.progress)}"
    say(f"Wrote {output}: {told}.")


def _show(place: Path, paths: Iterable[Path]) -> None:
    from napari_octsam.data.annotations.listing import summarise

    headings = ("Name", "Image", "Labelled", "Schema", "B-scans", "Pixels with labels")
    table = Table(*headings, title=Text(str(place)))
    damaged = []
    for path in paths:
        try:
            table.add_row(*(Text(cell) for cell in _row(summarise(path))))
        except UserError as error:
            damaged.append(str(error))
    if table.rows:
        out.print(table)
    for fault in damaged:
        note(fault)


def _row(found: Summary) -> tuple[str, ...]:
    image = found.annotation.image
    return (
        found.path.name,
        image.path or image.name,
        f"{found.changed.astimezone():%Y-%m-%d %H:%M}",
        found.annotation.label_schema.name,
        ", ".join(f"{count} {state}" for state, count in sorted(found.states.items())),
        f"{found.pixels:,}",
    )


def _states(text: str) -> tuple[BScanState, ...]:
    from napari_octsam.core.annotation import BScanState

    try:
        return tuple(BScanState(name.strip()) for name in text.split(","))
    except ValueError as error:
        known = ", ".join(BScanState)
        raise UserError(f"--states takes some of {known}, with commas, not '{text}'.") from error
