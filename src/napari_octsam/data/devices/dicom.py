"""DICOM: ophthalmic tomography, and other grey pictures in frames.

Only what is listed here is taken from a file: no name, no date and no number of a patient.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.eyes import Laterality
from napari_octsam.core.images import as_grey
from napari_octsam.data.devices.geometry import pattern_of, spaced
from napari_octsam.data.devices.records import TOO_SHORT, check_bscans
from napari_octsam.data.devices.scan import DeviceScan, Distances, Line
from napari_octsam.data.lazy import LazyVolume

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["read_dicom"]

_TAGS = [
    "Modality", "Manufacturer", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel",
    "PhotometricInterpretation", "PixelSpacing", "SpacingBetweenSlices", "Laterality",
    "ImageLaterality", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
]  # fmt: skip
_EYES: dict[str, Laterality] = {"R": "OD", "L": "OS"}
_OF_FUNDUS = "OP"


def read_dicom(path: Path) -> list[DeviceScan]:
    """Read a DICOM file; its frames are read, and decoded, when they are taken.

    Raises
    ------
    ValueError
        It is of another kind, or damaged.
    """
    with warnings.catch_warnings(action="ignore"):  # they quote what is in the file
        return [_scan(path, _dataset(path))]


def _scan(path: Path, dataset: Dataset) -> DeviceScan:
    if dataset.get("Modality") == _OF_FUNDUS:
        raise ValueError("it is a picture of the fundus, no OCT")
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        raise ValueError("it shows 0 as white: save it with 0 as black")
    rows, cols = (int(dataset.get(name) or 0) for name in ("Rows", "Columns"))
    count = int(dataset.get("NumberOfFrames") or 1)
    check_bscans(count, rows, cols)
    if count * 8 > path.stat().st_size:
        raise ValueError(TOO_SHORT)
    frames = _frames(dataset)
    axial, lateral = _pixel(dataset, frames)
    lines = _lines(frames) if len(frames) == count else []
    between, note = _between(dataset, frames, count)
    first = _read_frame(path, 0)
    if first.shape != (rows, cols):
        raise ValueError(f"a frame is {first.shape}, not {(rows, cols)}")
    maker = str(dataset.get("Manufacturer") or "").strip()
    return DeviceScan(
        device=maker if maker.isprintable() and 0 < len(maker) <= 64 else "DICOM",
        bscans=LazyVolume(path, (count,), first.shape, first.dtype, partial(_read_frame, path)),
        distances=Distances(between, axial, lateral),
        laterality=_eye(dataset, frames),
        pattern=pattern_of(lines) if lines else None,
        notes=(note,) if note else (),
    )


def _dataset(path: Path) -> Dataset:
    import pydicom  # late: it takes long
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info

    from napari_octsam.data.devices.decoders import add_decoders

    add_decoders()
    try:
        syntax = read_file_meta_info(path).get("TransferSyntaxUID")
        if syntax is not None and syntax.is_deflated:
            raise ValueError("it is packed as a whole (deflated): use another coding")
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
    except InvalidDicomError as error:
        raise ValueError("it does not begin as DICOM files do") from error


def _read_frame(path: Path, number: int) -> npt.NDArray[Any]:
    from pydicom.pixels.utils import pixel_array

    try:
        with warnings.catch_warnings(action="ignore"):
            pixels = pixel_array(path, index=number)
    except (AttributeError, NotImplementedError, RuntimeError) as error:
        reason = "it has no pictures, or their coding is not known"
        raise ValueError(reason) from error
    return pixels if pixels.ndim == 2 else as_grey(pixels)


def _frames(dataset: Dataset) -> Sequence[Dataset]:
    return dataset.get("PerFrameFunctionalGroupsSequence") or []


def _groups(dataset: Dataset, frames: Sequence[Dataset]) -> list[Dataset]:
    """Return where a value that all frames share may be, the surest place first."""
    return [*(dataset.get("SharedFunctionalGroupsSequence") or []), *frames[:1]]


def _inside(group: Dataset, sequence: str, name: str) -> Any:
    items = group.get(sequence) or [{}]
    return items[0].get(name)


def _pixel(dataset: Dataset, frames: Sequence[Dataset]) -> tuple[float | None, float | None]:
    """Return µm between rows and columns."""
    found = [
        *(_inside(g, "PixelMeasuresSequence", "PixelSpacing") for g in _groups(dataset, frames)),
        dataset.get("PixelSpacing"),
    ]
    spacing = next((each for each in found if each and len(each) == 2), None)
    if spacing is None:
        return None, None
    axial, lateral = (_um(each) for each in spacing)
    return axial, lateral


def _between(dataset: Dataset, frames: Sequence[Dataset], count: int) -> tuple[float | None, str]:
    """Return µm between B-scans: by where each lies, else as the file says in a number."""
    if count < 2:
        return None, ""
    places = [_inside(each, "PlanePositionSequence", "ImagePositionPatient") for each in frames]
    if len(places) == count and all(each and len(each) == 3 for each in places):
        at = np.array([[float(value) for value in each] for each in places])
        if np.isfinite(at).all() and np.ptp(at, axis=0).any():
            return spaced(list(at[:, None] * 1000))
    found = [
        *(
            _inside(group, "PixelMeasuresSequence", "SpacingBetweenSlices")
            for group in _groups(dataset, frames)
        ),
        dataset.get("SpacingBetweenSlices"),
    ]
    return next((_um(each) for each in found if each), None), ""


def _lines(frames: Sequence[Dataset]) -> list[Line]:
    """Return the lines on the fundus picture, which is another file; none where one has no line."""
    lines = []
    for each in frames:
        ends = _inside(each, "OphthalmicFrameLocationSequence", "ReferenceCoordinates")
        if not ends or len(ends) != 4:
            return []
        lines.append(np.array([float(value) for value in ends]).reshape(2, 2))
    return lines


def _um(mm: Any) -> float | None:
    value = float(mm) * 1000
    return value if np.isfinite(value) and value > 0 else None


def _eye(dataset: Dataset, frames: Sequence[Dataset]) -> Laterality | None:
    found = [
        dataset.get("ImageLaterality"),
        dataset.get("Laterality"),
        *(_inside(g, "FrameAnatomySequence", "FrameLaterality") for g in _groups(dataset, frames)),
    ]
    return next((_EYES[each] for each in found if each in _EYES), None)
