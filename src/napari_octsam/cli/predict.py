"""`octsam predict`: prompts on a picture become labels in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from napari_octsam.cli.console import note, out, say, steps_bar, working
from napari_octsam.cli.models import download_if_needed
from napari_octsam.cli.outputs import Overwrite, check_output
from napari_octsam.cli.profile_option import Profile
from napari_octsam.cli.pseudocolor_option import Pseudocolor, colors_of
from napari_octsam.cli.schema_option import Schema
from napari_octsam.core.carrying_limits import Limits
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from napari_octsam.cli.carrying import CarriedTo
    from napari_octsam.cli.prediction import PredictedObject
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.prompts import Prompt
    from napari_octsam.data.pictures import Picture
    from napari_octsam.models.model import Model

__all__ = ["predict"]

_LIMITS = Limits()


def predict(
    image: Annotated[
        Path, typer.Argument(help="B-scan or volume: PNG, JPEG, TIFF, NPY or a file of a device.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Labels to write: .tif, .png or .npy.")
    ],
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="R0,C0,R1,C1[:CLASS]",
            help="Box around an object. Without CLASS it has the schema's first class after the "
            "background: 1 ERM in oct14. Repeatable.",
        ),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="R,C,+|-[:CLASS]",
            help="Point on (+) or off (-) an object: of the smallest box around it, else all "
            "such points of a class are one object. Without CLASS it has the box's class, else "
            "the schema's first after the background. Repeatable.",
        ),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Prompts saved as JSON.")
    ] = None,
    bscan: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="B-scan of a volume that prompts without one belong to, counted from 0.",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Name from 'octsam models', or a checkpoint file.")
    ] = BUNDLED_MODEL,
    schema: Schema = "oct14",
    threshold: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Probability that makes a pixel foreground.")
    ] = 0.5,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    profile: Profile = None,
    pseudocolor: Pseudocolor = None,
    carry: Annotated[
        bool,
        typer.Option(
            "--carry-on",
            help="Carry the objects on to the B-scans of the volume without prompts, both ways, "
            "until they are lost.",
        ),
    ] = False,
    least_score: Annotated[
        float, typer.Option(min=0, max=1, help="Predicted IoU below which an object is lost.")
    ] = _LIMITS.score,
    least_overlap: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="IoU with its mask on the B-scan before, below which it is lost."
        ),
    ] = _LIMITS.overlap,
    overwrite: Overwrite = False,
) -> None:
    """Segment what the prompts mark and write a labels image of the picture's shape.

    A CLASS is a value, a name or a short name of the schema; octsam-tiny looks for one that it
    knows. Coordinates are pixels, rows first.
    """
    from napari_octsam.cli.prediction import check_prompts, predict_labels
    from napari_octsam.core.classes import load_schema
    from napari_octsam.data.pictures import check_labels_path, is_volume, open_picture

    limits = Limits(least_score, least_overlap)
    check_output(output, overwrite, [image])
    colors = colors_of(pseudocolor)
    classes = load_schema(schema)
    picture = open_picture(image)
    check_labels_path(output, volume=is_volume(picture))
    if carry and not is_volume(picture):
        raise UserError(f"{image} is one B-scan: there is no other to carry objects on to.")
    wanted = check_prompts(picture, _read_prompts(box or [], point or [], prompts, bscan, classes))
    download_if_needed(model)
    with working(f"Loading {model}"):
        from napari_octsam.models.checkpoints.load import load_model  # torch, once all is right

        network = load_model(model, profile, device=device, colors=colors)
    if network.note:
        note(network.note)
    with steps_bar("Predicting", len({prompt.bscan for prompt in wanted})) as show:
        labels, objects = predict_labels(
            network,
            picture,
            wanted,
            classes,
            threshold=threshold,
            on_bscan=lambda bscan, done: show(done, f"B-scan {_written(bscan)}"),
        )
    carried = (
        _carry_on(network, picture, labels, objects, classes, threshold, limits) if carry else []
    )
    _write(output, labels, image, classes)
    out.print(_table(objects, classes))
    if carry:
        out.print(_carried_table(carried))
    size = " x ".join(str(n) for n in labels.shape)
    by = f"{network.header.name} on {network.device}, {network.precision}"
    say(f"Wrote {output}: {size} pixels, by {by}.")


def _read_prompts(
    boxes: Sequence[str],
    points: Sequence[str],
    file: Path | None,
    bscan: str | None,
    schema: LabelSchema,
) -> list[Prompt]:
    from napari_octsam.cli.prompts import parse_box, parse_bscan, parse_point
    from napari_octsam.core.prompt_files import load_prompts
    from napari_octsam.core.prompts import group

    first = schema.foreground[0]
    parsed = [parse_box(text, schema, first.value) for text in boxes]
    written = group(parsed, [parse_point(text, schema) for text in points], first.value)
    if any(":" not in text for text in [*boxes, *points]):
        note(f"Where neither prompt nor box has a class it is {first.value} {first.name}.")
    saved = [] if file is None else load_prompts(file)
    for prompt in saved:
        schema.find(str(prompt.class_value))
    if not written and not saved:
        raise UserError("There is nothing to predict: give --box, --point or --prompts.")
    index = () if bscan is None else parse_bscan(bscan)
    return [p if p.bscan else p.on(index) for p in [*written, *saved]]


def _carry_on(
    network: Model,
    picture: Picture,
    labels: npt.NDArray[np.uint8],
    objects: Sequence[PredictedObject],
    schema: LabelSchema,
    threshold: float,
    limits: Limits,
) -> list[CarriedTo]:
    """Write the objects into the other B-scans of `labels`; return what was found on each."""
    from napari_octsam.cli.carrying import carry_prompted

    with steps_bar("Carrying on", math.prod(labels.shape[:-2])) as show:
        return list(
            carry_prompted(
                network,
                picture,
                labels,
                objects,
                schema,
                threshold,
                limits,
                on_bscan=lambda bscan, done: show(done, f"B-scan {_written(bscan)}"),
            )
        )


def _write(output: Path, labels: npt.NDArray[np.uint8], image: Path, schema: LabelSchema) -> None:
    """Write labels, in a TIFF with the scale that the file of a device knows."""
    from napari_octsam.data.annotations.of_picture import description_of
    from napari_octsam.data.annotations.tiff_export import SUFFIXES, write_described_tiff
    from napari_octsam.data.devices.opening import is_device_file
    from napari_octsam.data.pictures import write_labels

    if is_device_file(image) and output.suffix.lower() in SUFFIXES:
        write_described_tiff(output, labels, description_of(image, labels.ndim, schema))
    else:
        write_labels(output, labels)


def _table(objects: Sequence[PredictedObject], schema: LabelSchema) -> Table:
    table = Table("B-scan", "Class", "Score", "Pixels of the class")
    for o in objects:
        label_class = schema[o.prompt.class_value]
        table.add_row(
            _written(o.prompt.bscan),
            f"{label_class.value} {label_class.name}",
            f"{o.score:.2f}",
            str(o.pixels),
        )
    return table


def _carried_table(found: Sequence[CarriedTo]) -> Table:
    table = Table("Carried on to", "Objects", "Score", "Overlap", "", "Lost")
    for bscan, carried in sorted(found, key=lambda each: each.bscan):
        table.add_row(
            _written(bscan),
            str(len(carried.kept)),
            f"{carried.score:.2f}",
            f"{carried.overlap:.2f}",
            carried.trust if carried.kept else "",
            "; ".join(dict.fromkeys(each.stop for each in carried.found if each.stop)),
        )
    return table


def _written(bscan: tuple[int, ...]) -> str:
    return ",".join(str(i) for i in bscan)
