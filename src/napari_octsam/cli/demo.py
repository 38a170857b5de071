"""`octsam demo`: the main job from image to labels in napari, by itself."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from napari_octsam.cli.console import out, say
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing
from napari_octsam.core.processes import isolated_environment, isolated_python

if TYPE_CHECKING:
    from napari_octsam.gui.demo import DemoReport

__all__ = ["demo"]


def demo(
    image: Annotated[
        Path | None, typer.Argument(help="A B-scan of your own; without it a synthetic one.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the screenshot and the labels.")
    ] = Path("octsam-demo"),
    headless: Annotated[
        bool, typer.Option("--headless", help="Save a screenshot and the labels, then close.")
    ] = False,
) -> None:
    """Open napari with a B-scan, have it labelled, and add a lesion by a prompt.

    On Linux without a display the same happens on a virtual one, with --headless.
    """
    if image is not None and not image.is_file():
        raise UserError(missing(image))
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        _run_on_virtual_display(image, output)
    from napari_octsam.gui.demo import run_demo

    _show(run_demo(image, output, headless))


def _run_on_virtual_display(image: Path | None, output: Path) -> None:
    xvfb_run = shutil.which("xvfb-run")
    if xvfb_run is None:
        raise UserError("There is no display, and no xvfb-run to make one: install xvfb and xauth.")
    screen = [xvfb_run, "-a", "-s", "-screen 0 1600x1000x24"]
    command = isolated_python("-m", "napari_octsam", "demo", "--headless", "-o", str(output))
    own_image = [] if image is None else ["--", str(image)]
    os.execve(xvfb_run, [*screen, *command, *own_image], isolated_environment())


def _show(report: DemoReport) -> None:
    steps = Table("Step", "Seconds")
    steps.columns[1].justify = "right"
    for name, seconds in report.steps:
        steps.add_row(name, f"{seconds:.2f}")
    out.print(steps)
    if report.dice:
        dice = Table("Class", "Dice")
        for name, value in report.dice.items():
            dice.add_row(name, f"{value:.3f}")
        out.print(dice)
    for path in report.files:
        say(f"Saved {path}")
