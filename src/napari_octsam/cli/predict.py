"""`octsam predict`: prompts on a picture become labels in a file."""

from __future__ import annotations

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
from napari_octsam.core.config import BUNDLED_MODEL
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from napari_octsam.cli.prediction import PredictedObject
    from napari_octsam.core.classes import LabelSchema
    from napari_octsam.core.prompts import Prompt

__all__ = ["predict"]


def predict(
    image: Annotated[Path, typer.Argument(help="B-scan or volume: PNG, JPEG, TIFF or NPY.")],
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
    overwrite: Overwrite = False,
) -> None:
    """Segment what the prompts mark and write a labels image of the picture's shape.

    A CLASS is a value, a name or a short name of the schema; octsam-tiny looks for one that it
    knows. Coordinates are pixels, rows first.
    """
    from napari_octsam.cli.prediction import check_prompts, predict_labels
    from napari_octsam.core.classes import load_schema
    from napari_octsam.data.pictures import check_labels_path, is_volume, open_picture, write_labels

    check_output(output, overwrite, [image])
    colors = colors_of(pseudocolor)
    classes = load_schema(schema)
    picture = open_picture(image)
    check_labels_path(output, volume=is_volume(picture))
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
    write_labels(output, labels)
    out.print(_table(objects, classes))
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


def _written(bscan: tuple[int, ...]) -> str:
    return ",".join(str(i) for i in bscan)
