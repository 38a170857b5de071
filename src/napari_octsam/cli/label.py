"""`octsam label`: a model labels whole pictures unasked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octsam.cli.cohort import Processes, Scheduler
from napari_octsam.cli.console import complain, note, out
from napari_octsam.cli.labelled_cohort import Asked, label_all
from napari_octsam.cli.profile_option import Profile
from napari_octsam.cli.schema_option import Schema
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted

if TYPE_CHECKING:
    from collections import Counter

    from napari_octsam.cli.labelled_cohort import How
    from napari_octsam.core.classes import LabelSchema

__all__ = ["label"]


def label(
    images: Annotated[
        list[Path],
        typer.Argument(
            help="B-scans and volumes: PNG, JPEG, TIFF, NPY, files of devices, or folders of them."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the labels, one .tif an image.")
    ],
    schema: Schema = "layers7",
    model: Annotated[
        str, typer.Option(help="Name from 'octsam models', or a checkpoint file.")
    ] = BUNDLED_MODEL,
    namer: Annotated[
        str | None,
        typer.Option(
            help="Where the model names no pixels: one that does, as octsam-tiny; its labels "
            "become boxes and points for the model."
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    profile: Profile = None,
    processes: Processes = None,
    scheduler: Scheduler = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Label again what has labels in the folder.")
    ] = False,
) -> None:
    """Label every B-scan of pictures, volumes and folders without a prompt.

    Layers come out in order and in one piece. Images that have labels in the output folder are
    left out, so that the same command goes on where it was stopped. Many images are labelled by
    several processes.
    """
    from napari_octsam.core.classes import load_schema

    classes = load_schema(schema)
    wanted = _outputs(list(_pictures(images)), output)
    if not wanted:
        raise UserError(
            "There is no picture to label: name PNG, JPEG, TIFF or NPY files, or files of devices."
        )
    if not overwrite:
        _check_schemas(wanted.values(), classes)
    asked = Asked(classes, model, namer, profile, device, overwrite)
    done, failed = label_all(wanted, asked, processes, scheduler)
    for message in failed:
        complain(message)
    _tell_of_present(done, len(wanted))
    text = f"Labelled {counted(done['labelled'], 'image')} by {classes.name} in {output}."
    out.print(text, soft_wrap=True, highlight=False)
    if failed:
        raise UserError(f"{counted(len(failed), 'image')} could not be labelled.")


def _tell_of_present(done: Counter[How], images: int) -> None:
    if present := done["kept"] + done["other"]:
        note(f"{present} of {counted(images, 'image')} have labels already.")
    if done["other"]:
        note(
            f"{done['other']} of them are of another picture, model or version, or of a person: "
            "--overwrite labels them anew."
        )


def _pictures(images: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that are named, and the pictures in the folders that are."""
    from napari_octsam.data.pictures import SCAN_SUFFIXES

    for path in images:
        if path.is_dir():
            yield from (p for p in sorted(path.iterdir()) if p.suffix.lower() in SCAN_SUFFIXES)
        else:
            yield path


def _outputs(pictures: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Return the file of the labels by picture; UserError where two would have one."""
    found: dict[Path, Path] = {}
    for picture in dict.fromkeys(pictures):
        labels = folder / f"{picture.stem}.tif"
        if labels.resolve() in {each.resolve() for each in pictures}:
            raise UserError(f"{labels} is read here: name another folder for the labels.")
        for other, taken in found.items():
            if taken == labels:
                raise UserError(
                    f"{other} and {picture} would both have their labels in {labels}: label them "
                    "into different folders."
                )
        found[picture] = labels
    return found


def _check_schemas(outputs: Iterable[Path], schema: LabelSchema) -> None:
    """Raise UserError where some have labels of another schema."""
    from napari_octsam.data.annotations.description import schema_in

    for labels in outputs:
        found = schema_in(labels) if labels.is_file() else None
        if found is not None and not found.means_as(schema):
            raise UserError(
                f"{labels} has labels of the schema {found.name}, not {schema.name}: name another "
                "folder, or add --overwrite to replace them."
            )
