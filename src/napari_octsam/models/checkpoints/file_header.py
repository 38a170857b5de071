"""The header of a checkpoint file: its own, or one that follows from what the file is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.recognition import Weights
from napari_octsam.models.header import HEADER_KEY, Architecture, Header, Profile, profiles_of

__all__ = ["check_architecture", "checked_profile", "guessed_header", "own_header"]


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
        header = Header.model_validate_json(metadata[HEADER_KEY])
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "header"
        raise UserError(f"The header of {path} cannot be read: {where}: {first['msg']}.") from error
    try:
        checked_profile(header.profile, header)
    except UserError as error:
        raise UserError(f"The header of {path} is wrong: {error}") from error
    return header


def check_architecture(path: Path, header: Header, architecture: Architecture) -> None:
    """Check that a file's header names the architecture that its weights are of.

    Raises
    ------
    UserError
        It names another.
    """
    if header.architecture != architecture:
        raise UserError(
            f"The header of {path} says {header.architecture}, "
            f"but its weights are those of {architecture}."
        )


def guessed_header(path: Path, weights: Weights) -> tuple[Header, str]:
    """Return a header for a file that has none, and a note on what was guessed."""
    architecture = weights.architecture
    if architecture == "octsam-tiny":
        return Header(name=path.stem, architecture=architecture, profile="octsam-tiny"), ""
    medsam = "medsam" in path.name.casefold() and not weights.from_transformers
    header = Header(
        name=path.stem,
        architecture=architecture,
        profile="medsam" if medsam else "sam",
        single_mask=medsam or weights.from_transformers,
    )
    if medsam:
        return header, (
            f"{path.name} was taken for MedSAM because of its name, and is fed MedSAM's "
            "preprocessing: choose the preprocessing sam if that is wrong."
        )
    if weights.from_transformers:
        return header, (
            f"{path.name} was saved by transformers and taken for a model fine-tuned to one mask "
            "an object, so its other candidates are never shown first."
        )
    return header, ""


def checked_profile(profile: str, header: Header) -> Profile:
    """Return a profile that the person chose, if the architecture can take it."""
    fitting = profiles_of(header.architecture)
    for known in fitting:
        if profile == known:
            return known
    raise UserError(
        f"The preprocessing '{profile}' does not fit {header.architecture}: "
        f"use {' or '.join(fitting)}."
    )
