"""Heidelberg's .vol: one scan, raw intensities, the SLO picture, the device's boundaries.

Name, birthday and date of the visit lie in the header too: these bytes are not read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Laterality
from napari_octsam.data.devices.geometry import circle, pattern_of, side_of_first, spaced
from napari_octsam.data.devices.heidelberg import BOUNDARIES, DEVICE, displayed, heights
from napari_octsam.data.devices.records import TOO_SHORT, Records, check_bscans
from napari_octsam.data.devices.scan import DeviceScan, Distances, Fundus, Line, Pattern
from napari_octsam.data.lazy import LazyVolume

__all__ = ["read_vol"]

_HEADER = 2048
_FILE = np.dtype(
    {
        "names": ["cols", "bscans", "rows", "lateral", "between", "axial", "slo_cols", "slo_rows",
                  "slo_col", "slo_row", "eye", "pattern", "bscan_header"],
        "formats": ["<u4", "<u4", "<u4", "<f8", "<f8", "<f8", "<u4", "<u4",
                    "<f8", "<f8", "S4", "<i4", "<u4"],
        "offsets": [12, 16, 20, 24, 32, 40, 48, 52, 56, 64, 84, 96, 100],
        "itemsize": _HEADER,
    }
)  # fmt: skip
_BSCAN = np.dtype(
    {
        "names": ["start", "end", "boundaries", "boundaries_at"],
        "formats": [("<f8", 2), ("<f8", 2), "<u4", "<u4"],
        "offsets": [16, 32, 48, 52],
        "itemsize": 256,
    }
)
_PATTERNS: dict[int, Pattern] = {1: "line", 2: "circle", 3: "volume", 4: "volume", 5: "star"}
_EYES: dict[bytes, Laterality] = {b"OD": "OD", b"OS": "OS"}


def read_vol(path: Path) -> list[DeviceScan]:
    """Read a .vol file; its B-scans are read when they are taken.

    Raises
    ------
    ValueError
        It is of another kind, or damaged.
    """
    file = Records(path)
    if file.text(0, 8) != b"HSF-OCT-":
        raise ValueError("it does not begin as Heidelberg's files do")
    header = file.record(0, _FILE)
    count, rows, cols = (int(header[name]) for name in ("bscans", "rows", "cols"))
    slo = (int(header["slo_rows"]), int(header["slo_cols"]))
    check_bscans(count, rows, cols)
    if max(slo) > 0:
        check_bscans(1, *slo)
    begin, step = _HEADER + slo[0] * slo[1], int(header["bscan_header"]) + 4 * rows * cols
    if begin + count * step > file.size:
        raise ValueError(TOO_SHORT)

    def bscan(number: int) -> npt.NDArray[Any]:
        at = begin + number * step + int(header["bscan_header"])
        return displayed(file.array(at, "<f4", (rows, cols)))

    places = [begin + number * step for number in range(count)]
    records = [file.record(at, _BSCAN) for at in places]
    pattern = _PATTERNS.get(int(header["pattern"]))
    lines = _lines(records, pattern)
    if pattern is None and lines:
        pattern = pattern_of(lines)
    between, note = _between(header, lines, pattern)
    pixel = (_um(header["slo_row"]), _um(header["slo_col"]))
    return [
        DeviceScan(
            device=DEVICE,
            bscans=LazyVolume(path, (count,), (rows, cols), np.dtype(np.uint8), bscan),
            distances=Distances(between, _um(header["axial"]), _um(header["lateral"])),
            laterality=_EYES.get(header["eye"][:2]),
            pattern=pattern,
            fundus=_fundus(file, slo, lines, pixel),
            boundaries=_boundaries(file, places, records, (int(header["bscan_header"]), cols)),
            first=side_of_first(lines) if pattern == "volume" and lines else None,
            notes=(note,) if note else (),
        )
    ]


def _um(mm: float) -> float | None:
    return float(mm) * 1000 if np.isfinite(mm) and mm > 0 else None


def _lines(records: list[Any], pattern: Pattern | None) -> list[Line]:
    """Return the lines in mm as (row, col); none where the file does not place its B-scans."""
    ends = [
        (each["start"][::-1].astype(float), each["end"][::-1].astype(float)) for each in records
    ]
    if not np.isfinite(ends).all() or all((start == end).all() for start, end in ends):
        return []
    if pattern == "circle":
        return [circle(start, centre) for start, centre in ends]
    return [np.stack(each) for each in ends]


def _between(header: Any, lines: list[Line], pattern: Pattern | None) -> tuple[float | None, str]:
    if pattern != "volume":
        return None, ""
    if not lines:
        return _um(header["between"]), ""
    return spaced([line * 1000 for line in lines])


def _fundus(
    file: Records, shape: tuple[int, int], lines: list[Line], pixel: tuple[Any, Any]
) -> Fundus | None:
    if min(shape) < 1:
        return None
    pixels = file.array(_HEADER, "u1", shape)
    if None in pixel:
        return Fundus(pixels)
    return Fundus(pixels, tuple(line * 1000 / pixel - 0.5 for line in lines), pixel)


def _boundaries(
    file: Records, places: list[int], records: list[Any], header: tuple[int, int]
) -> dict[str, npt.NDArray[np.float32]]:
    length, cols = header
    found = []
    for at, record in zip(places, records, strict=True):
        count = min(int(record["boundaries"]), max(BOUNDARIES) + 1)
        if int(record["boundaries_at"]) + 4 * count * cols > length:
            raise ValueError("its boundaries are longer than the place for them: it is damaged")
        found.append(file.array(at + int(record["boundaries_at"]), "<f4", (count, cols)))
    return heights([dict(enumerate(each)) for each in found], cols)
