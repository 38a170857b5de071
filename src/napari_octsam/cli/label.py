"""`octsam label`: a model labels whole pictures unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_octsam.cli.console import complain, note, out, phases_bar, working
from napari_octsam.cli.models import download_if_needed
from napari_octsam.cli.profile_option import Profile
from napari_octsam.cli.schema_option import Schema
from napari_octsam.core.automatic import doubts_about
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError
from napari_octsam.core.wording import counted

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_octsam.cli.console import ShowPhase
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.labelling import Labelling

__all__ = ["label"]

Label = Callable[["npt.NDArray[Any]"], "Labelling"]
"""Labels one B-scan, (H, W) or (H, W, 3 or 4)."""


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
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Label again what has labels in the folder.")
    ] = False,
) -> None:
    """Label every B-scan of pictures, volumes and folders without a prompt.

    Layers come out in order and in one piece. Images that have labels in the output folder are
    left out, so that the same command goes on where it was stopped.
    """
    from napari_octsam.core.classes import load_schema

    classes = load_schema(schema)
    wanted = _outputs(list(_pictures(images)), output)
    if not wanted:
        raise UserError(
            "There is no picture to label: name PNG, JPEG, TIFF or NPY files, or files of devices."
        )
    left = wanted if overwrite else _without_labels(wanted, classes)
    if len(left) < len(wanted):
        note(f"{len(wanted) - len(left)} of {counted(len(wanted), 'image')} have labels already.")
    failed = _label_all(left, *_load(model, namer, classes, profile, device)) if left else []
    for message in failed:
        complain(message)
    done = f"Labelled {counted(len(left) - len(failed), 'image')} by {classes.name} in {output}."
    out.print(done, soft_wrap=True, highlight=False)
    if failed:
        raise UserError(f"{counted(len(failed), 'image')} could not be labelled.")


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


def _without_labels(wanted: dict[Path, Path], schema: LabelSchema) -> dict[Path, Path]:
    """Return those that have no labels yet; UserError where some have labels of another schema."""
    from napari_octsam.data.annotations.description import schema_in

    for labels in wanted.values():
        found = schema_in(labels) if labels.is_file() else None
        if found is not None and not found.means_as(schema):
            raise UserError(
                f"{labels} has labels of the schema {found.name}, not {schema.name}: name another "
                "folder, or add --overwrite to replace them."
            )
    return {picture: labels for picture, labels in wanted.items() if not labels.is_file()}


def _load(
    name: str, namer: str | None, schema: LabelSchema, profile: str | None, device: str
) -> tuple[Label, LabelSchema]:
    """Return what labels a B-scan, and the schema with the layers that it knows of."""
    for each in filter(None, (name, namer)):
        download_if_needed(each)
    with working(f"Loading {name}"):
        from napari_octsam.models.checkpoints.load import load_model  # torch, once all is right
        from napari_octsam.models.named_schemas import known_as, named_schema
        from napari_octsam.models.prompted_labels import label_with

        model = load_model(name, profile, device=device)
        helped = namer is not None and known_as(model.header, schema) is None
        helper = load_model(namer, device=device) if namer is not None and helped else None
        wanted, _ = named_schema((helper or model).header, schema)
    if model.note:
        note(model.note)
    return lambda bscan: label_with(model, helper, bscan, wanted), wanted


def _label_all(wanted: dict[Path, Path], label: Label, schema: LabelSchema) -> list[str]:
    """Label the pictures one after the other; return what was wrong with those that could not."""
    failed = []
    with phases_bar("Labelling") as show:
        for number, (picture, labels) in enumerate(wanted.items(), start=1):
            text = f"image {number} of {len(wanted)}"
            try:
                labels.parent.mkdir(parents=True, exist_ok=True)
                _label_one(label, picture, labels, schema, show, text)
            except UserError as error:
                failed.append(f"{picture}: {error}")
            except OSError as error:
                failed.append(f"{picture}: {error.strerror or error}.")
    return failed


def _label_one(
    label: Label, path: Path, output: Path, schema: LabelSchema, show: ShowPhase, text: str
) -> None:
    from napari_octsam.cli.prediction import label_picture
    from napari_octsam.data.annotations.of_picture import description_of
    from napari_octsam.data.annotations.tiff_export import write_described_tiff
    from napari_octsam.data.pictures import open_picture

    def on_bscan(done: int, total: int) -> None:
        show(path.name, done, total, text)

    labels, doubtful = label_picture(label, open_picture(path), on_bscan)
    write_described_tiff(output, labels, description_of(path, labels.ndim, schema))
    if doubtful:
        note(f"{path}: {doubts_about(doubtful)}")
