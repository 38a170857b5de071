"""Files that the commands write."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from napari_octsam.core.errors import UserError

__all__ = ["Overwrite", "check_output", "check_outputs"]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write over the output where it is there already.")
]


def check_outputs(
    outputs: Iterable[Path | None], overwrite: bool, inputs: Iterable[Path] = ()
) -> None:
    """Check several outputs, of which some may not be asked for, as `check_output` does one.

    None may take another's place.
    """
    read, seen = list(inputs), set[str]()
    for output in outputs:
        if output is None:
            continue
        check_output(output, overwrite, read)
        place = os.path.normcase(os.path.realpath(output))
        if place in seen:
            raise UserError(f"{output} would be written twice: name another file for each option.")
        seen.add(place)


def check_output(output: Path, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
    """Raise UserError where a file can surely not be written, before time is spent on it.

    It may not take the place of what is read, nor of any file that the person did not say may go.
    """
    folder = output.parent
    if output.is_dir():
        raise UserError(f"{output} is a folder: name a file in it.")
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} for {output.name}: make it first.")
    if any(output.exists() and each.exists() and output.samefile(each) for each in inputs):
        raise UserError(f"{output} is read here: name another file to write.")
    if output.is_file() and not overwrite:
        raise UserError(
            f"{output} is there already: name another file, or add --overwrite to replace it."
        )
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder} cannot be written to: choose another folder for {output.name}.")
