"""Files that the commands write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_octsam.core.errors import UserError

__all__ = ["Overwrite", "check_not_there"]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write over the output where it is there already.")
]


def check_not_there(output: Path, overwrite: bool) -> None:
    """Raise UserError where a file would be lost that the person did not say may be."""
    if output.is_file() and not overwrite:
        raise UserError(
            f"{output} is there already: name another file, or add --overwrite to replace it."
        )
