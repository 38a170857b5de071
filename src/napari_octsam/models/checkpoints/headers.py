"""The header of a checkpoint file: its own, or one that follows from what the file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from napari_octsam.core.errors import UserError
from napari_octsam.core.reading import parse_json
from napari_octsam.core.wording import listed
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.files import read_metadata
from napari_octsam.models.checkpoints.recognise import Weights
from napari_octsam.models.header import HEADER_KEY, Header

__all__ = ["check_header", "guessed_header", "own_header", "read_header", "with_profile"]


def read_header(path: Path) -> Header | None:
    """Return the header that stands in a safetensors file, if one does; its weights stay unread.

    Raises
    ------
    UserError
        There is no such file, or it or its header cannot be read.
    """
    return own_header(path, read_metadata(path))


def own_header(path: Path, metadata: Mapping[str, str]) -> Header | None:
    """Return the header that stands in a file's metadata, if one does.

    Raises
    ------
    UserError
        It cannot be read.
    """
    if HEADER_KEY not in metadata:
        return None
    try:
        header = Header.model_validate(parse_json(metadata[HEADER_KEY]))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "header"
        said = first["msg"].removeprefix("Value error, ")
        raise UserError(f"The header of {path} cannot be read: {where}: {said}.") from error
    except ValueError as error:
        raise UserError(f"The header of {path} cannot be read: it is not JSON.") from error
    try:
        return with_profile(header, header.profile)
    except UserError as error:
        raise UserError(f"The header of {path} is wrong: {error}") from error


def check_header(path: Path, header: Header, weights: Weights) -> None:
    """Check that a file's header names the architecture that its weights are of.

    Raises
    ------
    UserError
        It names another.
    """
    if header.architecture != weights.architecture.name:
        raise UserError(
            f"The header of {path} says {header.architecture}, "
            f"but its weights are those of {weights.architecture.name}."
        )


def guessed_header(path: Path, weights: Weights) -> tuple[Header, str]:
    """Return a header for a file that has none, and a note on what was guessed."""
    guess = weights.architecture.guess(path.name, weights.names)
    header = Header(
        name=path.stem,
        architecture=weights.architecture.name,
        profile=guess.profile.name,
        single_mask=guess.single_mask,
    )
    return header, guess.note


def with_profile(header: Header, profile: str) -> Header:
    """Return a header with the preprocessing that the person chose.

    Raises
    ------
    UserError
        The architecture cannot take it.
    """
    fitting = [each.name for each in ARCHITECTURES[header.architecture].profiles]
    if profile not in fitting:
        raise UserError(
            f"The preprocessing '{profile}' does not fit {header.architecture}: "
            f"use {listed(fitting, 'or')}."
        )
    return header.model_copy(update={"profile": profile})
