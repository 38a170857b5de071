"""The colours that a checkpoint sees a B-scan in: as the person says, or as its name asks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from napari_octsam.core.config import PSEUDOCOLORS, Pseudocolor
from napari_octsam.core.errors import UserError
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.header import Header

__all__ = ["Colors", "check_named_colors", "with_colors"]

_WORDS = (
    *("cividis", "deepgreen", "hsv", "inferno", "jet", "magma", "parula", "plasma", "turbo"),
    *("twilight", "twilight_shifted", "viridis"),
)
"""Colour maps whose names mean nothing else in a file's name; spring and bone may."""

_BLUE_FIRST = "bgr"


@dataclass(frozen=True, slots=True)
class Colors:
    """A colour map, and the order of its channels.

    Parameters
    ----------
    name
        Of the colour map; "grayscale" for none.
    blue_first
        Whether blue is channel 0, as OpenCV has it.
    """

    name: Pseudocolor
    blue_first: bool = False

    @classmethod
    def parse(cls, text: str) -> Colors:
        """Return what "jet", or "jet:bgr" with blue first, says.

        Raises
        ------
        UserError
            It is no colour map, or another order.
        """
        name, colon, order = text.partition(":")
        folded = _folded(name)
        known = next((each for each in PSEUDOCOLORS if each == folded), None)
        if known is None or (colon and order.strip().casefold() != _BLUE_FIRST):
            raise UserError(
                f"There are no colours '{text}': use one of {', '.join(PSEUDOCOLORS)}, with "
                f":{_BLUE_FIRST} after it where blue was the first channel."
            )
        return cls(known, bool(colon) and known != "grayscale")


def with_colors(header: Header, colors: Colors) -> Header:
    """Return a header with the colours that the person has said.

    Raises
    ------
    UserError
        The architecture sees none.
    """
    if colors.name != "grayscale" and not ARCHITECTURES[header.architecture].takes_colors:
        raise UserError(f"{header.architecture} sees grey B-scans only, not {colors.name}.")
    said = {"pseudocolor": colors.name, "blue_first": colors.blue_first}
    return header.model_copy(update=said)


def check_named_colors(path: Path, header: Header) -> None:
    """Raise UserError where the name of a file without a header says that it knows colours."""
    named = _named(path.stem)
    if named is None or not ARCHITECTURES[header.architecture].takes_colors:
        return
    raise UserError(
        f"{path} says by its name that it was trained on B-scans in {named}. Say in which colours "
        "with --pseudocolor, which octsam predict, evaluate, train and convert take (convert notes "
        f"it): {named}:{_BLUE_FIRST} if it is the original project's, which fed blue first; "
        f"{named} with red first; grayscale if the name means something else."
    )


def _named(stem: str) -> Pseudocolor | None:
    """Return the colour map that a file's name has.

    The original project has it between commas: "0.001 lr,0 wd,2 bs, diceCE loss, Jet, ...".
    """
    parts = {_folded(part) for part in stem.split(",")} if "," in stem else set()
    words = _folded(re.sub(r"[\W_]+", " ", stem))
    found = (
        name
        for name in reversed(PSEUDOCOLORS)  # twilight_shifted before twilight
        if name in parts or (name in _WORDS and f"_{name}_" in f"_{words}_")
    )
    return next((name for name in found if name != "grayscale"), None)


def _folded(text: str) -> str:
    return "_".join(text.casefold().split())
