"""Zeiss Cirrus's .img: nothing but pixels, so that a person has to say how many."""

from __future__ import annotations

import re
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.eyes import Laterality
from napari_octsam.data.devices.records import Records
from napari_octsam.data.devices.scan import DeviceScan, Distances
from napari_octsam.data.lazy import LazyVolume

__all__ = ["read_img"]

_EYES: dict[str, Laterality] = {"OD": "OD", "OS": "OS"}


def read_img(path: Path, size: tuple[int, int, int] | None) -> list[DeviceScan]:
    """Read an .img file; its B-scans are read when they are taken.

    Parameters
    ----------
    size
        B-scans, rows and columns.

    Raises
    ------
    UserError
        The size is not known, or another one than that of the file.
    ValueError
        It is empty.
    """
    file = Records(path)
    if size is None:
        raise UserError(
            f"{path} does not say its size: write a file {path.name}.scan.toml beside it, or "
            "scan.toml for all files of its folder, with the line size = [128, 1024, 512]: its "
            "B-scans, rows and columns."
        )
    if prod(size) != file.size:
        count, rows, cols = size
        raise UserError(
            f"{path} has {file.size:,} pixels, but {count} B-scans of {rows} x {cols} would be "
            f"{prod(size):,}: correct what is said of its size."
        )
    count, rows, cols = size

    def bscan(number: int) -> npt.NDArray[np.uint8]:
        # the device writes each B-scan turned by half a turn
        return file.array(number * rows * cols, "u1", (rows, cols))[::-1, ::-1]

    eye = re.search(r"(?<![A-Za-z])O[DS](?![A-Za-z])", path.stem)
    return [
        DeviceScan(
            device="Zeiss Cirrus",
            bscans=LazyVolume(path, (count,), (rows, cols), np.dtype(np.uint8), bscan),
            distances=Distances(None, None, None),
            laterality=None if eye is None else _EYES[eye[0]],
        )
    ]
