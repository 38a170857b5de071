"""`octsam convert`: a checkpoint of any known kind to this project's format or the original's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from napari_octsam.cli.console import note, say
from napari_octsam.cli.outputs import Overwrite, check_output
from napari_octsam.cli.profile_option import Profile
from napari_octsam.cli.pseudocolor_option import Pseudocolor, colors_of

__all__ = ["convert"]


_Format = Literal["octsam", "transformers"]


def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Checkpoint to read.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="Checkpoint to write.")],
    to: Annotated[
        _Format, typer.Option(help="octsam: safetensors with a header. transformers: SamModel.")
    ] = "octsam",
    profile: Profile = None,
    base: Annotated[
        str | None,
        typer.Option(help="Model or checkpoint that adapters go on, where it is not found."),
    ] = None,
    pseudocolor: Pseudocolor = None,
    overwrite: Overwrite = False,
) -> None:
    """Convert a checkpoint: segment-anything, MedSAM, transformers' SamModel or octsam.

    Low-rank adapters, octsam's or SAMed's, are merged into the model that they go on.
    """
    from napari_octsam.models.checkpoints.load import read_checkpoint
    from napari_octsam.models.checkpoints.save import save_checkpoint, write_transformers

    check_output(target, overwrite, [source])
    colors = colors_of(pseudocolor)
    checkpoint = read_checkpoint(source, profile, base, colors)
    header = checkpoint.header
    if checkpoint.note:
        note(checkpoint.note)
    if to == "octsam":
        save_checkpoint(target, checkpoint.state_dict, header)
    else:
        write_transformers(target, checkpoint.state_dict, header.architecture)
    say(f"{target}: {header.architecture}, {header.profile} preprocessing")
