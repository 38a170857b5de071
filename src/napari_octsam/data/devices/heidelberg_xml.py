"""HEYEX's XML export: where the B-scans lie, beside them the pictures that it names.

Where it names none, as after names were taken out of it, they are the pictures beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Laterality
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.core.reading import read_bytes
from napari_octsam.data.devices.geometry import circle, pattern_of, side_of_first, spaced
from napari_octsam.data.devices.heidelberg import BOUNDARIES, BOUNDARY_NAMES, DEVICE, heights
from napari_octsam.data.devices.records import check_bscans
from napari_octsam.data.devices.scan import DeviceScan, Distances, Fundus, Line, Pattern
from napari_octsam.data.lazy import LazyVolume

__all__ = ["read_xml"]

Element = ElementTree.Element

_CONTEXT = "OphthalmicAcquisitionContext"
_PATTERNS: dict[str, Pattern] = {
    "volume": "volume", "line": "line", "single": "line", "star": "star", "radial": "star",
    "circle": "circle",
}  # fmt: skip
_EYES: dict[str, Laterality] = {"R": "OD", "L": "OS"}
_NUMBERS = {name: number for number, name in BOUNDARIES.items()}


def read_xml(path: Path) -> list[DeviceScan]:
    """Read the scans that an XML export describes; its pictures are read when they are taken.

    Raises
    ------
    ValueError
        It is of another kind, or its pictures are not there.
    """
    try:
        root = ElementTree.fromstring(read_bytes(path))
    except ElementTree.ParseError as error:
        raise ValueError("it is not XML") from error
    scans = [scan for series in root.iter("Series") if (scan := _scan(path, series)) is not None]
    if not scans:
        raise ValueError("it does not describe a scan, as an export of HEYEX does")
    return scans


def _scan(path: Path, series: Element) -> DeviceScan | None:
    images = list(series.iter("Image"))
    bscans = [each for each in images if _is_bscan(each)]
    if not bscans:
        return None
    rows, cols = _size(bscans[0])
    check_bscans(len(bscans), rows, cols)
    if any(_size(each) != (rows, cols) for each in bscans):
        raise ValueError("its B-scans are of different sizes")
    pictures = _pictures(path, bscans)

    def bscan(number: int) -> npt.NDArray[np.uint8]:
        return _grey(pictures[number], (rows, cols))

    axial, lateral = _pixel(bscans[0])
    pattern = _PATTERNS.get((series.findtext("Type") or "").strip().split(" ")[0].casefold())
    lines = _lines(bscans, pattern)
    if pattern is None and lines:
        pattern = pattern_of(lines)
    between, note = spaced([line * 1000 for line in lines]) if pattern == "volume" else (None, "")
    return DeviceScan(
        device=DEVICE,
        bscans=LazyVolume(path, (len(bscans),), (rows, cols), np.dtype(np.uint8), bscan),
        distances=Distances(between, axial, lateral),
        laterality=_EYES.get((series.findtext(".//Laterality") or "").strip()),
        pattern=pattern,
        fundus=_fundus(path, images, lines),
        boundaries=heights([_boundaries(each, cols) for each in bscans], cols),
        first=side_of_first(lines) if pattern == "volume" and lines else None,
        notes=(note,) if note else (),
    )


def _is_bscan(image: Element) -> bool:
    kind = image.findtext("ImageType/Type")
    has_place = image.find(f"{_CONTEXT}/Start") is not None
    return kind == "OCT" or (kind is None and has_place)


def _size(image: Element) -> tuple[int, int]:
    rows, cols = (int(_number(image, f"{_CONTEXT}/{name}") or 0) for name in ("Height", "Width"))
    return rows, cols


def _pixel(image: Element) -> tuple[float | None, float | None]:
    """Return µm between rows and columns."""
    y, x = (_number(image, f"{_CONTEXT}/{name}") for name in ("ScaleY", "ScaleX"))
    return y * 1000 if y else None, x * 1000 if x else None


def _number(element: Element, name: str) -> float | None:
    text = element.findtext(name)
    if text is None:
        return None
    value = float(text)
    return value if np.isfinite(value) else None


def _lines(bscans: Sequence[Element], pattern: Pattern | None) -> list[Line]:
    """Return the lines in mm as (row, col); none where one has no place."""
    lines = []
    for each in bscans:
        ends = [
            (_number(each, f"{_CONTEXT}/{end}/Coord/Y"), _number(each, f"{_CONTEXT}/{end}/Coord/X"))
            for end in ("Start", "End")
        ]
        if any(value is None for end in ends for value in end):
            return []
        start, end = (np.array(each, float) for each in ends)
        lines.append(circle(start, end) if pattern == "circle" else np.stack([start, end]))
    return lines


def _fundus(path: Path, images: Sequence[Element], lines: Sequence[Line]) -> Fundus | None:
    image = next((each for each in images if each.findtext("ImageType/Type") == "LOCALIZER"), None)
    picture = None if image is None else _named(path, image)
    if image is None or picture is None or not picture.is_file():
        return None
    size = _size(image)
    check_bscans(1, *size)
    y, x = _pixel(image)
    pixels = _grey(picture, size)
    if y is None or x is None:
        return Fundus(pixels)
    return Fundus(pixels, tuple(line * 1000 / (y, x) - 0.5 for line in lines), (y, x))


def _pictures(path: Path, bscans: Sequence[Element]) -> list[Path]:
    named = [_named(path, each) for each in bscans]
    found = [each for each in named if each is not None]
    if len(found) == len(bscans):
        missing = [each for each in found if not each.is_file()]
        if missing:
            raise ValueError(f"the picture {missing[0].name} that it names is not beside it")
        return found
    if found:
        raise ValueError("it does not name the pictures of all its B-scans")
    from napari_octsam.data.pictures import PICTURE_SUFFIXES
    from napari_octsam.data.split.grouping import natural_order

    for folder in (path.parent, path.parent / "images"):
        there = folder.iterdir() if folder.is_dir() else ()
        beside = [each for each in there if each.suffix.lower() in PICTURE_SUFFIXES]
        if len(beside) == len(bscans):
            return sorted(beside, key=lambda each: natural_order(each.stem))
    raise ValueError(
        f"it does not name the pictures of its {len(bscans)} B-scans, and there are not so many "
        "beside it or in a folder images"
    )


def _named(path: Path, image: Element) -> Path | None:
    """Return the picture that an image names: it lies beside the file, wherever it was."""
    url = (image.findtext("ImageData/ExamURL") or "").strip()
    name = url.replace("\\", "/").rsplit("/", 1)[-1]
    return path.parent / name if name not in ("", ".", "..") else None


def _grey(path: Path, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    from napari_octsam.data.pictures import read_picture

    pixels = normalised(as_grey(read_picture(path)))
    if pixels.shape != shape:
        rows, cols = pixels.shape
        raise ValueError(f"its picture {path.name} is {rows} x {cols}, not {shape[0]} x {shape[1]}")
    return pixels


def _boundaries(image: Element, cols: int) -> dict[int, npt.NDArray[np.float32]]:
    found = {}
    for line in image.iter("SegLine"):
        name = BOUNDARY_NAMES.get((line.findtext("Name") or "").strip())
        rows = np.array((line.findtext("Array") or "").split(), np.float32)
        if name is not None and len(rows) == cols:
            found[_NUMBERS[name]] = rows
    return found
