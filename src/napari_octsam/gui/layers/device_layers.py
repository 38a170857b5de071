"""Files of devices as layers: the B-scans, the fundus above them, and what the device has drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.core.reading import check_regular
from napari_octsam.data.devices.axes import axes_of
from napari_octsam.data.devices.boundaries import labels_between
from napari_octsam.data.devices.opening import is_device_file, open_device_scans
from napari_octsam.data.devices.told import Told, read_told
from napari_octsam.gui.layers.layer_schema import described
from napari_octsam.gui.layers.made_by_device import METADATA, SCAN, as_metadata, drawn_by

if TYPE_CHECKING:
    from napari_octsam.data.devices.axes import Axes
    from napari_octsam.data.devices.scan import DeviceScan, Fundus

__all__ = ["get_reader", "layers_of"]

LayerData = tuple[Any, dict[str, Any], str]

_GAP = 0.05  # of the fundus picture's height, between it and the B-scans
_NOTHING: Any = (None,)  # what napari takes for no layer
_PEEK = 1 << 16
_HEYEX = (b"<HEDX", b"OphthalmicAcquisitionContext")
_LINE_COLOR = "#00ff66"


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return what reads files of devices, where every path is one."""
    paths = [path] if isinstance(path, str) else path
    return _read if all(_is_one(Path(each)) for each in paths) else None


def layers_of(path: Path, told: Told | None = None) -> list[LayerData]:
    """Return the layers of all scans of a device's file as napari takes them, B-scans first.

    Parameters
    ----------
    told
        What a person says of it; else what is written beside it.

    Raises
    ------
    UserError
        As of `open_device_scans`.
    """
    scans = open_device_scans(path, told)
    layers = []
    for number, scan in enumerate(scans, start=1):
        eye = f" {scan.laterality}" if scan.laterality else ""
        name = path.stem if len(scans) == 1 else f"{path.stem} {number}{eye}"
        layers += _layers(scan, name)
        for note in scan.notes:
            _tell(f"{name}: {note}")
    return layers


def _read(path: str | list[str]) -> list[LayerData]:
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None:
        viewer.layers.events.inserted.connect(_lock)
    paths = [path] if isinstance(path, str) else path
    return [layer for each in paths for layer in _asked(Path(each))] or [_NOTHING]


def _asked(path: Path) -> list[LayerData]:
    """Return the layers of a file; of one that does not say its size, after asking for it."""
    told = read_told(path)
    if path.suffix.lower() == ".img" and told.size is None:
        size = _ask_size(path)
        if size is None:
            return []
        told = told.model_copy(update={"size": size})
    return layers_of(path, told)


def _ask_size(path: Path) -> tuple[int, int, int] | None:
    """Ask for the size of a file that does not say it; None where the person does not say it."""
    from magicgui.widgets import request_values

    def asked(label: str, value: int) -> dict[str, Any]:
        return {"annotation": int, "label": label, "value": value, "options": {"max": 8192}}

    values = request_values(
        title=f"The size of {path.name}, of {path.stat().st_size:,} pixels",
        bscans=asked("B-scans", 128),
        rows=asked("Rows", 1024),
        cols=asked("Columns", 512),
    )
    return (values["bscans"], values["rows"], values["cols"]) if values else None


def _is_one(path: Path) -> bool:
    if path.suffix.lower() != ".xml":
        return is_device_file(path)
    try:
        check_regular(path)
        with path.open("rb") as file:
            head = file.read(_PEEK)
    except OSError:
        return False
    return any(mark in head for mark in _HEYEX)


def _layers(scan: DeviceScan, name: str) -> list[LayerData]:
    axes = axes_of(scan)
    place = {"scale": axes.scale, "units": axes.units, "axis_labels": axes.labels}
    single = scan.bscans.shape[0] == 1
    pixels = np.asarray(scan.bscans)
    about = {
        "device": scan.device,
        "laterality": scan.laterality,
        "pattern": scan.pattern,
        "first": scan.first,
    }
    shown: dict[str, Any] = {"name": name, "colormap": "gray", **place}
    shown["metadata"] = as_metadata({SCAN: about})
    if pixels.dtype == np.uint8:
        shown["contrast_limits"] = (0, 255)
    layers: list[LayerData] = [(pixels[0] if single else pixels, shown, "image")]
    if scan.fundus is not None:
        layers += _fundus(scan, scan.fundus, axes, name)
    labelled = labels_between(scan.boundaries, pixels.shape[1])
    if labelled is not None:
        labels, schema = labelled
        labels = labels[0] if single else labels
        drawn = described(schema)
        drawn["metadata"][METADATA] |= {SCAN: about, **drawn_by(scan.device, labels)}
        named = {"name": f"{name} by {scan.device}", "opacity": 0.5}
        layers.append((labels, {**drawn, **named, **place}, "labels"))
    return layers


def _fundus(scan: DeviceScan, fundus: Fundus, axes: Axes, name: str) -> list[LayerData]:
    """Return the fundus above the B-scans, its columns over theirs, and their lines on it."""
    rows, cols = fundus.pixels.shape[:2]
    width = scan.bscans.shape[2]
    known = fundus.pixel is not None and axes.units[-1] == "micrometer"
    scale = fundus.pixel if known and fundus.pixel else (axes.scale[-1] * width / cols,) * 2
    across = [line for line in fundus.lines[:1] if len(line) == 2 and _is_across(line)]
    left = float(across[0][:, 1].min()) if across else -0.5
    place = {
        "scale": scale,
        "translate": (-(1 + _GAP) * rows * scale[0], -left * scale[1] - 0.5 * axes.scale[-1]),
        "units": axes.units[-2:],
        "axis_labels": axes.labels[-2:],
    }
    is_grey = fundus.pixels.ndim == 2
    shown = {
        "name": f"{name} fundus" + ("" if known else ", not to scale"),
        "rgb": not is_grey,
        "metadata": as_metadata({SCAN: None}),
        **({"colormap": "gray", "contrast_limits": (0, 255)} if is_grey else {}),
    }
    layers: list[LayerData] = [(fundus.pixels, {**shown, **place}, "image")]
    if fundus.lines:
        drawn = {
            "name": f"{name} B-scans",
            "shape_type": "path",
            "edge_color": _LINE_COLOR,
            "face_color": "transparent",
            "edge_width": max(rows / 400, 1),
            "opacity": 0.6,
            "metadata": as_metadata({SCAN: None}),
        }
        layers.append((list(fundus.lines), {**drawn, **place}, "shapes"))
    return layers


def _is_across(line: Any) -> bool:
    rows, cols = np.abs(line[-1] - line[0])
    return bool(cols > rows)


def _lock(event: Any) -> None:
    """Have nobody move the lines of B-scans by mistake."""
    from napari.layers import Shapes

    layer = event.value
    if isinstance(layer, Shapes) and SCAN in layer.metadata.get(METADATA, {}):
        layer.editable = False


def _tell(sentence: str) -> None:
    from napari.utils.notifications import show_info

    show_info(sentence)
