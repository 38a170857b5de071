"""What a device's file does not know of itself, and a person says.

In `NAME.scan.toml` beside the file NAME, or in `scan.toml` for all files of a folder:

    size = [128, 1024, 512]         # B-scans, rows, columns of a Zeiss .img
    spacing = [47.2, 1.96, 11.7]    # µm between B-scans, rows, columns
    laterality = "OD"
    scan = 2                        # which one, where the file holds several
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from napari_octsam.core.errors import UserError
from napari_octsam.core.eyes import Laterality
from napari_octsam.core.images import MAX_SIDE
from napari_octsam.core.reading import explaining, read_toml
from napari_octsam.data.devices.scan import DeviceScan, Distances

__all__ = ["Told", "read_told", "with_told"]

_SUFFIX, _OF_FOLDER = ".scan.toml", "scan.toml"
_NAMES = ("between B-scans", "between rows", "between columns")

Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
Micrometres = Annotated[float, Field(ge=0.1, le=10_000)]


class Told(BaseModel):
    """What a person says of a scan."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: tuple[Side, Side, Side] | None = None
    spacing: tuple[Micrometres, Micrometres, Micrometres] | None = None
    laterality: Laterality | None = None
    scan: Annotated[int, Field(ge=1)] | None = None


def read_told(path: Path) -> Told:
    """Return what is said of a device's file in a file beside it; nothing where there is none.

    Raises
    ------
    UserError
        That file says something else.
    """
    for beside in (path.with_name(path.name + _SUFFIX), path.with_name(_OF_FOLDER)):
        if beside.is_file():
            with explaining(beside, "does not say what a scan is", "what is said of scans, "):
                return Told.model_validate(read_toml(beside))
    return Told()


def with_told(path: Path, scan: DeviceScan, told: Told) -> DeviceScan:
    """Return a scan with what a person says of it, where its file says nothing.

    Raises
    ------
    UserError
        The file says something else.
    """
    distances = scan.distances
    if told.spacing is not None:
        for name, known, said in zip(_NAMES, distances, told.spacing, strict=True):
            if known is not None and not math.isclose(known, said, rel_tol=5e-3):
                raise UserError(
                    f"{path} says that it is {known:g} µm {name}, but what is said of it beside it "
                    f"is {said:g} µm: correct that."
                )
        pairs = zip(distances, told.spacing, strict=True)
        distances = Distances(*(said if known is None else known for known, said in pairs))
        if scan.bscans.shape[0] == 1:
            distances = distances._replace(between=None)
    return replace(scan, distances=distances, laterality=scan.laterality or told.laterality)
