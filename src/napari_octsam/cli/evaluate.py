"""`octsam evaluate`: how well a model finds each class from one prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from napari_octsam.cli.console import out, working
from napari_octsam.models.header import Profile

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[str, typer.Argument(help="Name from 'octsam models', or a checkpoint.")],
    data: Annotated[Path, typer.Option(help="Folder with images/*.png and masks/*.png.")],
    schema: Annotated[
        str, typer.Option(help="Classes: oct14, layers7, organoid or a TOML file.")
    ] = "oct14",
    only: Annotated[
        str, typer.Option(metavar="PATTERN", help="B-scans to take, such as 's06_*'.")
    ] = "*",
    prompt: Annotated[
        Literal["box", "point"],
        typer.Option(help="One tight box, or one point as deep in the class as can be."),
    ] = "box",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every score to this file too.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    profile: Annotated[
        Profile | None, typer.Option(help="Preprocessing, where recognition is wrong.")
    ] = None,
) -> None:
    """Give a model one prompt for each class of each labelled B-scan and report the Dice."""
    from napari_octsam.core.classes import load_schema
    from napari_octsam.core.files import replacing
    from napari_octsam.evaluation.prompted import score_model, summarise
    from napari_octsam.io.pairs import read_pairs
    from napari_octsam.models.checkpoints import load_model

    classes = load_schema(schema)
    pairs = read_pairs(data, only)
    with working(f"Loading {model}") as now:
        network = load_model(model, profile, device=device)
        now(f"Scoring {len(pairs)} B-scans")
        scores = score_model(network, pairs, classes, prompt)
    means = summarise(scores)
    table = Table("Class", "Dice", title=f"{len(pairs)} B-scans, one {prompt} a class")
    for value, mean in means.items():
        table.add_row(f"{value} {classes[value].name}", f"{mean:.3f}")
    table.add_row("mean of the classes", f"{sum(means.values()) / len(means):.3f}", style="bold")
    out.print(table)
    if json_file is not None:
        rows = [{"bscan": s.bscan, "class": s.class_value, "dice": s.dice} for s in scores]
        with replacing(json_file) as part:
            part.write_text(json.dumps(rows, indent=1), "utf-8")
