"""The option that names the colours which a checkpoint sees B-scans in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from napari_octsam.models.checkpoints.colors import Colors

__all__ = ["COLORS", "Pseudocolor", "colors_of"]

COLORS = "NAME[:bgr]"
"""What the option takes, as its help shows it."""

Pseudocolor = Annotated[
    str | None,
    typer.Option(
        metavar=COLORS,
        help="Colour map that the checkpoint sees B-scans in, such as jet; with :bgr, blue first, "
        "as the original project fed it. grayscale is none.",
    ),
]


def colors_of(pseudocolor: str | None) -> Colors | None:
    """Return what the option says; None where it was not given.

    Raises
    ------
    UserError
        There are no such colours.
    """
    from napari_octsam.models.checkpoints.colors import Colors

    return None if pseudocolor is None else Colors.parse(pseudocolor)
