"""What layers say of the device that they come from, in their metadata."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from napari_octsam.core.annotation import BScanState, Progress, SetBy
from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.eyes import Laterality, Side

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = [
    "METADATA",
    "SCAN",
    "as_metadata",
    "drawn_by",
    "eye_in",
    "is_bscans",
    "progress_by_device",
]

METADATA = "napari-octsam"
"""Key of what is the plugin's in the metadata of a layer."""

SCAN = "scan"
"""Key, in that, of what is known of the scan; None of a layer that shows no B-scans."""

_DEVICE = "device"
_EYE = {"laterality": get_args(Laterality), "first": get_args(Side)}


def as_metadata(values: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a layer that has nothing but what is the plugin's."""
    return {METADATA: values}


def drawn_by(device: str, labels: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """Return what the layer of labels says of the device that has drawn them."""
    return {_DEVICE: {"name": device, "labels": _hash(labels)}}


def is_bscans(layer: Layer) -> bool:
    """Whether a layer may be worked on: all but the fundus of a device's file."""
    ours = _ours(layer)
    return SCAN not in ours or ours[SCAN] is not None


def eye_in(*layers: Layer | None) -> dict[str, Any]:
    """Return `laterality` and `first` of the first layer that knows its eye; else nothing."""
    for layer in layers:
        scan = None if layer is None else _ours(layer).get(SCAN)
        if isinstance(scan, dict):
            return {key: scan[key] for key, known in _EYE.items() if scan.get(key) in known}
    return {}


def progress_by_device(labels: Labels) -> dict[tuple[int, ...], Progress]:
    """Return the progress of labels that are as a device has drawn them; else nothing."""
    drawn = _ours(labels).get(_DEVICE)
    if not isinstance(drawn, dict):
        return {}
    data = labels.data
    if _hash(data) != drawn.get("labels"):
        return {}
    by = SetBy(kind="device", model=str(drawn.get("name", "")))
    return {
        index: Progress(state=BScanState.AUTOMATIC, by=by)
        for index in np.ndindex(data.shape[:-2])
        if ((data[index] != 0) & (data[index] != NOT_LABELLED)).any()
    }


def _hash(labels: npt.NDArray[np.integer]) -> str:
    return hashlib.sha256(np.ascontiguousarray(labels).data).hexdigest()


def _ours(layer: Layer) -> dict[str, Any]:
    ours = layer.metadata.get(METADATA)
    return ours if isinstance(ours, dict) else {}
