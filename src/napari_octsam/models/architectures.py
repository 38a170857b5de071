"""The networks there are: a new one is a folder with a record, and a line here."""

from __future__ import annotations

from napari_octsam.models.architecture import Architecture, Profile
from napari_octsam.models.sam.architecture import SAMS
from napari_octsam.models.tiny.architecture import TINY

__all__ = ["ARCHITECTURES", "profiles"]

ARCHITECTURES: dict[str, Architecture] = {each.name: each for each in (*SAMS, TINY)}
"""Name -> architecture."""


def profiles() -> dict[str, Profile]:
    """Return all ways of preprocessing by their names."""
    return {p.name: p for each in ARCHITECTURES.values() for p in each.profiles}
