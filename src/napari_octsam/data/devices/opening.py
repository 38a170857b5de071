"""A device's file is opened, whatever device it is of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing
from napari_octsam.core.reading import check_regular
from napari_octsam.core.wording import counted, listed
from napari_octsam.data.devices.scan import DeviceScan
from napari_octsam.data.devices.told import Told, read_told, with_told
from napari_octsam.data.lazy import unreadable

__all__ = ["DEVICE_SUFFIXES", "is_device_file", "open_device_file", "open_device_scans"]

_Reader = Callable[[Path], list[DeviceScan]]

_DICOM = (".dcm", ".dicom")
DEVICE_SUFFIXES = (".vol", ".e2e", ".fda", *_DICOM, ".img")
"""Of files that hold a scan whole; an .xml describes one whose pictures lie beside it."""

_UNREAD = {
    ".oct": "Bioptigen's and Optovue's .OCT are not read: export the scan as DICOM or TIFF.",
    ".fds": "Topcon's .fds is not read: export the scan as .fda or DICOM.",
}


def is_device_file(path: Path) -> bool:
    """Whether the name of a file is one of those that `open_device_scans` opens, or refuses."""
    suffix = path.suffix.lower()
    return suffix in DEVICE_SUFFIXES or suffix in _UNREAD or suffix == ".xml"


def open_device_file(path: Path, told: Told | None = None) -> DeviceScan:
    """Open the one scan that a device's file holds.

    Raises
    ------
    UserError
        It holds several, or as of `open_device_scans`.
    """
    said = read_told(path) if told is None else told
    scans = open_device_scans(path, said)
    if said.scan is not None and said.scan <= len(scans):
        return scans[said.scan - 1]
    if len(scans) > 1 or said.scan is not None:
        eyes = listed([scan.laterality or "an unnamed eye" for scan in scans], "and")
        raise UserError(
            f"{path} holds {counted(len(scans), 'scan')}, of {eyes}: say which one is meant in a "
            f"file {path.name}.scan.toml beside it, with the line scan = 1."
        )
    return scans[0]


def open_device_scans(path: Path, told: Told | None = None) -> list[DeviceScan]:
    """Open all scans that a device's file holds, of one eye or of both.

    Parameters
    ----------
    told
        What a person says of it; else what is written beside it.

    Raises
    ------
    UserError
        There is no such file, it cannot be read, or something about it has to be said.
    """
    reason = _UNREAD.get(path.suffix.lower())
    if reason is not None:
        raise UserError(f"{path} cannot be opened. {reason}")
    _check(path)
    said = read_told(path) if told is None else told
    try:
        scans = _reader(path, said)(path)
    except UserError:
        raise
    except Exception as error:  # broken files fail in many ways
        raise unreadable(path, error) from error
    return [_annotated(with_told(path, scan, said)) for scan in scans]


def _check(path: Path) -> None:
    try:
        check_regular(path)
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder: name one file in it.") from error
    except FileNotFoundError as error:
        raise UserError(missing(path)) from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error


def _reader(path: Path, told: Told) -> _Reader:
    suffix = path.suffix.lower()
    if suffix == ".vol":
        from napari_octsam.data.devices.heidelberg_vol import read_vol

        return read_vol
    if suffix == ".e2e":
        from napari_octsam.data.devices.heidelberg_e2e import read_e2e

        return read_e2e
    if suffix == ".xml":
        from napari_octsam.data.devices.heidelberg_xml import read_xml

        return read_xml
    if suffix == ".fda":
        from napari_octsam.data.devices.topcon_fda import read_fda

        return read_fda
    if suffix == ".img":
        from napari_octsam.data.devices.zeiss_img import read_img

        return lambda path: read_img(path, told.size)
    if suffix in _DICOM:
        from napari_octsam.data.devices.dicom import read_dicom

        return read_dicom
    raise UserError(f"{path} is of no device whose files are known: {', '.join(DEVICE_SUFFIXES)}.")


def _annotated(scan: DeviceScan) -> DeviceScan:
    """Return a scan that says what is not known of its scale."""
    unknown = [
        name
        for name, value in zip(("B-scans", "rows", "columns"), scan.distances, strict=True)
        if value is None and not (name == "B-scans" and (scan.bscans.shape[0] == 1 or scan.notes))
    ]
    if scan.pattern in ("star", "circle"):
        unknown = [name for name in unknown if name != "B-scans"]
    if not unknown:
        return scan
    note = (
        f"It does not say how far apart its {listed(unknown, 'and')} are: measuring will ask "
        "for it."
    )
    return replace(scan, notes=(*scan.notes, note))
