"""Topcon's .fda: named chunks, of which the B-scans, scale, eye, fundus and boundaries are read.

How they are laid out is known from uocte and OCT-Converter. Chunks with names and dates are not
read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_octsam.core.eyes import Laterality
from napari_octsam.data.devices.records import Records, check_bscans
from napari_octsam.data.devices.scan import DeviceScan, Distances, Fundus, Line, Pattern
from napari_octsam.data.lazy import LazyVolume

__all__ = ["read_fda"]

_HEADER = 15
_COMPRESSED = np.dtype([("mode", "u1"), ("__", "<u4", 2), ("cols", "<u4"), ("rows", "<u4"),
                        ("bscans", "<u4"), ("___", "<u4")])  # fmt: skip
_PLAIN = np.dtype([("mode", "u1"), ("cols", "<u4"), ("rows", "<u4"), ("bits", "<u4"),
                   ("bscans", "<u4"), ("__", "u1"), ("size", "<u4")])  # fmt: skip
_FUNDUS = np.dtype([("cols", "<u4"), ("rows", "<u4"), ("_", "<u4", 3), ("size", "<u4")])
_BOUNDARY = np.dtype([("name", "S20"), ("_", "u1", 2), ("cols", "<u4"), ("bscans", "<u4"),
                      ("size", "<u4")])  # fmt: skip
_PLACE = np.dtype([("_", "u1"), ("__", "<u4", 2), ("box", "<u4", 4)])
_SCALE = np.dtype([("width_mm", "<f8"), ("height_mm", "<f8"), ("axial_um", "<f8")])
_SCALES = (("@PARAM_SCAN_04", 12), ("@PARAM_SCAN_02", 21))
_EYES: dict[int, Laterality] = {0: "OD", 1: "OS"}
_RASTER = 2
_PATTERNS: dict[int, Pattern] = {0: "line", _RASTER: "volume", 3: "star", 6: "volume"}
_BOUNDARIES = {
    b"MULTILAYERS_1": "ILM", b"MULTILAYERS_2": "RNFL", b"MULTILAYERS_3": "GCL",
    b"MULTILAYERS_4": "IPL", b"MULTILAYERS_5": "EZ", b"MULTILAYERS_6": "RPE",
    b"MULTILAYERS_7": "BM", b"MULTILAYERS_8": "INL", b"MULTILAYERS_9": "ELM",
    b"MULTILAYERS_10": "CHO", b"RETINA_1": "ILM", b"RETINA_2": "RPE", b"RETINA_3": "EZ",
    b"RETINA_4": "BM",
}  # fmt: skip

Chunks = dict[str, list[tuple[int, int]]]
BScan = Callable[[int], npt.NDArray[Any]]
_Found = tuple[int, tuple[int, int, int], np.dtype[Any], BScan]
"""Mode of the scan, number and size of the B-scans, type, and what reads one."""


def read_fda(path: Path) -> list[DeviceScan]:
    """Read an .fda file; its B-scans are read when they are taken.

    Raises
    ------
    ValueError
        It is of another kind, damaged, or has no B-scan.
    """
    file = Records(path)
    if file.text(0, 4) != b"FOCT":
        raise ValueError("it does not begin as Topcon's files do")
    chunks = _chunks(file)
    mode, (count, rows, cols), dtype, bscan = _bscans(file, chunks)
    width, height, axial = _scale(file, chunks)
    pattern = _PATTERNS.get(mode)
    is_volume = pattern == "volume" and count > 1
    eye = chunks.get("@CAPTURE_INFO_02") or chunks.get("@CAPTURE_INFO")
    return [
        DeviceScan(
            device="Topcon",
            bscans=LazyVolume(path, (count,), (rows, cols), dtype, bscan),
            distances=Distances(
                height * 1000 / count if height and is_volume else None,
                axial,
                width * 1000 / cols if width else None,
            ),
            laterality=_EYES.get(int(file.array(eye[0][0], "u1", (1,))[0])) if eye else None,
            pattern=pattern,
            fundus=_fundus(file, chunks, count if mode == _RASTER else 0, (width, height)),
            boundaries=_boundaries(file, chunks, (count, rows, cols)),
            first="superior" if mode == _RASTER and count > 1 else None,
        )
    ]


def _chunks(file: Records) -> Chunks:
    """Return where the chunks of each name begin, and how long they are."""
    found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    at = _HEADER
    while at < file.size and (length := int(file.array(at, "u1", (1,))[0])):
        name = file.text(at + 1, length).decode("ascii", "replace")
        size = int(file.array(at + 1 + length, "<u4", (1,))[0])
        at += 5 + length
        file.check(at, size)
        found[name].append((at, size))
        at += size
    return dict(found)


def _bscans(file: Records, chunks: Chunks) -> _Found:
    if compressed := chunks.get("@IMG_JPEG"):
        return _compressed(file, compressed[0][0])
    if plain := chunks.get("@IMG_MOT_COMP_03"):
        return _plain(file, plain[0][0])
    raise ValueError("it holds no B-scan of a kind that is known")


def _compressed(file: Records, at: int) -> _Found:
    record = file.record(at, _COMPRESSED)
    count, rows, cols = (int(record[name]) for name in ("bscans", "rows", "cols"))
    check_bscans(count, rows, cols)
    at += _COMPRESSED.itemsize
    pieces = []
    for _ in range(count):
        size = int(file.array(at, "<u4", (1,))[0])
        file.check(at + 4, size)
        pieces.append((at + 4, size))
        at += 4 + size

    def bscan(number: int) -> npt.NDArray[Any]:
        return _picture(file, *pieces[number], (rows, cols))

    return int(record["mode"]), (count, rows, cols), bscan(0).dtype, bscan


def _plain(file: Records, at: int) -> _Found:
    record = file.record(at, _PLAIN)
    count, rows, cols = (int(record[name]) for name in ("bscans", "rows", "cols"))
    check_bscans(count, rows, cols)
    begin, step = at + _PLAIN.itemsize, 2 * rows * cols
    file.check(begin, count * step)

    def bscan(number: int) -> npt.NDArray[Any]:
        return file.array(begin + number * step, "<u2", (rows, cols))

    return int(record["mode"]), (count, rows, cols), np.dtype("<u2"), bscan


def _picture(file: Records, at: int, size: int, shape: tuple[int, int]) -> npt.NDArray[Any]:
    with Image.open(BytesIO(file.array(at, "u1", (size,)).tobytes())) as picture:
        if picture.size != shape[::-1]:
            raise ValueError(f"a picture in it is {picture.size}, not {shape[::-1]}: it is damaged")
        return np.asarray(picture)


def _scale(file: Records, chunks: Chunks) -> tuple[float | None, float | None, float | None]:
    """Return the width and height of the scanned field in mm, and µm between rows."""
    for name, before in _SCALES:
        if name in chunks:
            record = file.record(chunks[name][0][0] + before, _SCALE)
            width, height, axial = (float(each) for each in record)
            return _positive(width), _positive(height), _positive(axial)
    return None, None, None


def _positive(value: float) -> float | None:
    return value if np.isfinite(value) and value > 0 else None


def _fundus(
    file: Records, chunks: Chunks, count: int, field: tuple[float | None, float | None]
) -> Fundus | None:
    if "@IMG_FUNDUS" not in chunks:
        return None
    at, length = chunks["@IMG_FUNDUS"][0]
    record = file.record(at, _FUNDUS)
    rows, cols, size = (int(record[name]) for name in ("rows", "cols", "size"))
    check_bscans(1, rows, cols)
    size = min(size, length - _FUNDUS.itemsize)
    pixels = _picture(file, at + _FUNDUS.itemsize, size, (rows, cols)).astype(np.uint8)
    if pixels.ndim == 3:
        pixels = np.ascontiguousarray(pixels[..., 2::-1])  # Topcon writes blue first
    width, height = field
    if "@REGIST_INFO" not in chunks or width is None or height is None:
        return Fundus(pixels)
    left, top, right, bottom = map(int, file.record(chunks["@REGIST_INFO"][0][0], _PLACE)["box"])
    if not (left < right and top < bottom):
        return Fundus(pixels)
    pixel = (height * 1000 / (bottom - top), width * 1000 / (right - left))
    return Fundus(pixels, _lines((left, top, right, bottom), count), pixel)


def _lines(box: Sequence[int], count: int) -> tuple[Line, ...]:
    """Return lines in the middles of as many strips of the scanned field, from above."""
    left, top, right, bottom = box
    rows = top + (np.arange(count) + 0.5) * (bottom - top) / count - 0.5
    return tuple(np.array([[row, left - 0.5], [row, right - 0.5]]) for row in rows)


def _boundaries(
    file: Records, chunks: Chunks, shape: tuple[int, int, int]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return boundaries as rows: Topcon counts from below, and from the last B-scan."""
    count, rows, cols = shape
    found: dict[str, npt.NDArray[np.float32]] = {}
    for at, _ in chunks.get("@CONTOUR_INFO", []):
        record = file.record(at, _BOUNDARY)
        name = _BOUNDARIES.get(bytes(record["name"]))
        if name is None or (record["bscans"], record["cols"]) != (count, cols):
            continue
        heights = file.array(at + _BOUNDARY.itemsize, "<u2", (count, cols))[::-1]
        above = rows - heights.astype(np.float32)
        found.setdefault(
            name, np.where((heights > 0) & (above >= 0), above, np.nan).astype(np.float32)
        )
    return found
