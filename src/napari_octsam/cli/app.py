"""The application: its commands, its version, and how it tells errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
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
    measure,
    models,
    phantoms,
    predict,
    preprocess,
    repair,
    topology,
    train,
)
from napari_octsam.cli.commands import Command, Commands
from napari_octsam.cli.console import complain, drop_output, say
from napari_octsam.cli.original_options import TrainCommand

__all__ = ["app", "main"]


app = typer.Typer(
    name="octsam",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "phantoms": phantoms.phantoms,
    "predict": predict.predict,
    "label": label.label,
    "models": models.models,
    "convert": convert.convert,
    "doctor": doctor.doctor,
    "evaluate": evaluate.evaluate,
    "preprocess": preprocess.preprocess,
    "topology": topology.topology,
    "repair": repair.repair,
    "measure": measure.measure,
    "train": train.train,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=TrainCommand if _name == "train" else Command)(_command)
app.add_typer(annotation.annotation, name="annotation")


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"octsam {__version__}")
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
    try:
        app(prog_name="octsam")
    except SystemExit as end:
        sys.exit(end.code if _is_told() else end.code or 1)
    except OSError as error:  # of a help that nobody can read
        complain(f"What there is to say cannot be written: {error.strerror}.")
        _is_told()
        sys.exit(1)


def _is_told() -> bool:
    """Whether all that was said has been written."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
        return False
    return True
