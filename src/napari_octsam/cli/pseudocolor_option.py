"""The option that names the colours which a checkpoint sees B-scans in."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Pseudocolor"]

Pseudocolor = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:bgr]",
        help="Colour map that the checkpoint sees B-scans in, such as jet; with :bgr, blue first, "
        "as the original project fed it. grayscale is none.",
    ),
]
