"""Heidelberg's .e2e: a container of whatever was exported, often both eyes and several scans.

How it is laid out is known from LibE2E, uocte and eyepy, which agree. It says how far apart rows
are, nothing of columns and B-scans. Names, birthdays and dates are records that are not read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Laterality
from napari_octsam.data.devices.heidelberg import DEVICE, displayed, heights
from napari_octsam.data.devices.records import Records, check_bscans
from napari_octsam.data.devices.scan import DeviceScan, Distances, Fundus, Pattern
from napari_octsam.data.lazy import LazyVolume

__all__ = ["read_e2e"]

_VERSION = 36  # bytes before the first directory
_DIRECTORY = np.dtype(
    {
        "names": ["entries", "current", "previous"],
        "formats": ["<u4", "<u4", "<u4"],
        "offsets": [36, 40, 44],
        "itemsize": 52,
    }
)
_ENTRY = np.dtype(
    {
        "names": ["start", "size", "patient", "study", "series", "slice", "type"],
        "formats": ["<u4", "<u4", "<i4", "<i4", "<i4", "<i4", "<u4"],
        "offsets": [4, 8, 16, 20, 24, 28, 36],
        "itemsize": 44,
    }
)
_BEFORE_DATA = 60
_EYE, _BSCAN, _BOUNDARY, _IMAGE = 11, 10004, 10019, 1 << 30
_IMAGE_HEADER = np.dtype([("size", "<u4"), ("kind", "<u4"), ("n", "<u4"), ("shape", "<u4", 2)])
_GREY, _RAW = 33620481, 35652097
_BSCAN_HEADER = np.dtype(
    {
        "names": ["axial", "pattern"],
        "formats": ["<f4", "<u4"],
        "offsets": [36, 72],
        "itemsize": 76,
    }
)
_BOUNDARY_HEADER = np.dtype([("_", "<u4"), ("number", "<u4"), ("__", "<u4"), ("cols", "<u4")])
_EYES: dict[int, Laterality] = {ord("R"): "OD", ord("L"): "OS"}
_PATTERNS: dict[int, Pattern] = {1: "line", 2: "circle", 3: "volume", 4: "volume", 5: "star"}
_MOST_ENTRIES = 1 << 20


@dataclass(slots=True)
class _Slice:
    image: int | None = None
    shape: tuple[int, int] = (0, 0)
    axial: float | None = None
    pattern: Pattern | None = None
    boundaries: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)


@dataclass(slots=True)
class _Series:
    eye: Laterality | None = None
    fundus: npt.NDArray[np.uint8] | None = None
    slices: defaultdict[int, _Slice] = field(default_factory=lambda: defaultdict(_Slice))


def read_e2e(path: Path) -> list[DeviceScan]:
    """Read the scans of an .e2e file; their B-scans are read when they are taken.

    Raises
    ------
    ValueError
        It is of another kind, damaged, or has no B-scan.
    """
    file = Records(path)
    if file.text(0, 3) not in (b"CMD", b"MDb"):
        raise ValueError("it does not begin as Heidelberg's files do")
    series: defaultdict[tuple[int, ...], _Series] = defaultdict(_Series)
    for entry in _entries(file):
        key = tuple(int(entry[name]) for name in ("patient", "study", "series"))
        _take(file, entry, series[key])
    scans = [_scan(path, file, series[key]) for key in sorted(series)]
    found = [scan for scan in scans if scan is not None]
    if not found:
        raise ValueError("it holds no B-scan")
    return found


def _entries(file: Records) -> Iterator[Any]:
    """Yield what the directories list, each of which names the one before it."""
    first = file.record(_VERSION, _DIRECTORY)
    left = {int(first["current"]), int(first["previous"])} - {0}
    seen, count = set(), 0
    while left:
        at = left.pop()
        seen.add(at)
        if file.text(at, 6) != b"MDbDir":
            continue
        directory = file.record(at, _DIRECTORY)
        count += int(directory["entries"])
        if count > _MOST_ENTRIES:
            raise ValueError("its directories have no end: it is damaged")
        entries = file.array(
            at + _DIRECTORY.itemsize, "u1", (int(directory["entries"]), _ENTRY.itemsize)
        )
        yield from (each.view(_ENTRY)[0] for each in entries)
        left |= {int(directory["previous"])} - seen - {0}


def _take(file: Records, entry: Any, series: _Series) -> None:
    at, size, kind = int(entry["start"]) + _BEFORE_DATA, int(entry["size"]), int(entry["type"])
    where = None if entry["slice"] < 0 else series.slices[int(entry["slice"]) // 2]
    if kind == _EYE and size >= 15:
        series.eye = _EYES.get(int(file.array(at + 14, "u1", (1,))[0]), series.eye)
    elif kind == _IMAGE:
        _take_image(file, at, series, where)
    elif kind == _BSCAN and where is not None:
        record = file.record(at, _BSCAN_HEADER)
        where.axial = float(record["axial"])
        where.pattern = _PATTERNS.get(int(record["pattern"]))
    elif kind == _BOUNDARY and where is not None:
        record = file.record(at, _BOUNDARY_HEADER)
        shape = (int(record["cols"]),)
        where.boundaries[int(record["number"])] = file.array(
            at + _BOUNDARY_HEADER.itemsize, "<f4", shape
        )


def _take_image(file: Records, at: int, series: _Series, where: _Slice | None) -> None:
    record = file.record(at, _IMAGE_HEADER)
    rows, cols = map(int, record["shape"])
    begin = at + _IMAGE_HEADER.itemsize
    if record["kind"] == _GREY:
        check_bscans(1, rows, cols)
        series.fundus = file.array(begin, "u1", (rows, cols))
    elif record["kind"] == _RAW and where is not None:
        check_bscans(1, rows, cols)
        file.check(begin, 2 * rows * cols)
        where.image, where.shape = begin, (rows, cols)


def _scan(path: Path, file: Records, series: _Series) -> DeviceScan | None:
    slices = [each for _, each in sorted(series.slices.items()) if each.image is not None]
    if not slices:
        return None
    if len({each.shape for each in slices}) > 1:
        raise ValueError("its B-scans are of different sizes")
    rows, cols = slices[0].shape

    def bscan(number: int) -> npt.NDArray[np.uint8]:
        at = slices[number].image
        assert at is not None
        return np.asarray(_greys()[file.array(at, "<u2", (rows, cols))])

    axial = slices[0].axial
    pattern = slices[0].pattern or (None if len(slices) > 1 else "line")
    return DeviceScan(
        device=DEVICE,
        bscans=LazyVolume(path, (len(slices),), (rows, cols), np.dtype(np.uint8), bscan),
        distances=Distances(None, axial * 1000 if axial and 0 < axial < 1 else None, None),
        laterality=series.eye,
        pattern=pattern,
        fundus=None if series.fundus is None else Fundus(series.fundus),
        boundaries=heights([_of_width(each.boundaries, cols) for each in slices], cols),
    )


def _of_width(
    boundaries: dict[int, npt.NDArray[np.float32]], cols: int
) -> dict[int, npt.NDArray[np.float32]]:
    return {number: each for number, each in boundaries.items() if len(each) == cols}


@cache
def _greys() -> npt.NDArray[np.uint8]:
    """Return the grey of each raw number: six bits of exponent, ten of mantissa, no sign."""
    raw = np.arange(1 << 16)
    return displayed((1 + (raw & 1023) / 1024) * 2.0 ** ((raw >> 10) - 63))
