"""The application: its commands, its version, and how it tells errors."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_octsam import __version__
from napari_octsam.cli import (
    annotation,
    convert,
    demo,
    doctor,
    evaluate,
    label,
    models,
    phantoms,
    predict,
    preprocess,
    topology,
    train,
)
from napari_octsam.cli.commands import Commands
from napari_octsam.cli.console import out

__all__ = ["app", "main"]


app = typer.Typer(
    name="octsam",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("phantoms")(phantoms.phantoms)
app.command("predict")(predict.predict)
app.command("label")(label.label)
app.command("models")(models.models)
app.command("convert")(convert.convert)
app.command("doctor")(doctor.doctor)
app.command("evaluate")(evaluate.evaluate)
app.command("preprocess")(preprocess.preprocess)
app.command("topology")(topology.topology)
app.command("train")(train.train)
app.add_typer(annotation.annotation, name="annotation")


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"octsam {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _octsam(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Promptable segmentation of retinal OCT, as in the napari plugin napari-octsam.

    Research use only. Not a medical device.
    """


def main() -> None:
    """Run the command line; the entry point of `octsam`."""
    app(prog_name="octsam")
