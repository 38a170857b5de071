"""The option that names the classes."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_octsam.core.classes import BUNDLED_SCHEMAS

__all__ = ["Schema"]

Schema = Annotated[
    str,
    typer.Option(help=f"Classes: a bundled schema ({', '.join(BUNDLED_SCHEMAS)}) or a TOML file."),
]
