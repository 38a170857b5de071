"""B-scans: taking one slice of whatever array there is, and making it grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError

__all__ = ["MAX_SIDE", "MIN_SIDE", "as_grey", "normalised", "take_bscan", "times"]

MIN_SIDE = 8
"""Fewest rows and columns of a B-scan that a model can be shown."""
MAX_SIDE = 8192
"""Most rows or columns; beyond, it is no B-scan, and masks would not fit a laptop's memory."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as PIL and OpenCV have it


def take_bscan(volume: Any, index: tuple[int, ...], *, rgb: bool = False) -> npt.NDArray[Any]:
    """Return one B-scan of an array as numpy in native byte order, reading only that slice.

    Parameters
    ----------
    volume
        (..., H, W) array, or (..., H, W, 3 or 4) with `rgb`: numpy, dask, zarr, memory-mapped.
    index
        Position along each leading axis; as long as there are leading axes.
    """
    leading = volume.ndim - (3 if rgb else 2)
    if leading < 0:
        raise UserError(
            f"An image of {volume.ndim} dimension has no B-scan: it needs rows and columns."
        )
    if len(index) != leading:
        raise UserError(_wrong_index(leading, index))
    for axis, (i, size) in enumerate(zip(index, volume.shape, strict=False)):
        if not 0 <= i < size:
            raise UserError(f"There is no B-scan {i} on axis {axis}: it has 0 to {size - 1}.")
    bscan = np.asarray(volume[index])
    return bscan.astype(bscan.dtype.newbyteorder("="), copy=False)


def _wrong_index(leading: int, index: tuple[int, ...]) -> str:
    if not leading:
        named = ",".join(map(str, index))
        return f"The image is a single B-scan: there is no B-scan {named} in it."
    numbers = "1 number names" if leading == 1 else f"{leading} numbers name"
    return f"In this volume {numbers} a B-scan, not {len(index)}."


def as_grey(bscan: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a B-scan as (H, W), uint8 or float32, keeping 8-bit pixels untouched.

    Takes (H, W) or (H, W, 3 or 4) of bool, any integer or float type. 8-bit colour becomes luma
    (BT.601) in 8 bit; alpha is dropped. Other types become float32 with their values as they
    are: models scale them by the B-scan's own range.

    Raises
    ------
    UserError
        The B-scan is empty, too small, too large, complex or holds NaN or infinity.
    """
    _check_shape(bscan)
    if bscan.dtype == bool:
        bscan = bscan.astype(np.uint8) * np.uint8(255)
    if bscan.dtype.kind not in "uif":
        raise UserError(f"A B-scan of type {bscan.dtype} is not a grey image.")
    eight_bit = bscan.dtype == np.uint8
    if not eight_bit:
        bscan = bscan.astype(np.float32)
        bad = int(np.size(bscan) - np.isfinite(bscan).sum())
        if bad:
            raise UserError(
                f"The B-scan has {bad} pixels that are NaN or infinite: replace them first."
            )
    if bscan.ndim == 3:
        if (bscan[..., :1] == bscan[..., :3]).all():
            return np.ascontiguousarray(bscan[..., 0])
        luma = bscan[..., :3].astype(np.float32) @ _LUMA
        return np.rint(luma).astype(np.uint8) if eight_bit else luma
    return np.ascontiguousarray(bscan)


def _check_shape(bscan: npt.NDArray[Any]) -> None:
    if bscan.ndim not in (2, 3) or (bscan.ndim == 3 and bscan.shape[2] not in (3, 4)):
        raise UserError(f"An array of shape {bscan.shape} is not a B-scan of rows and columns.")
    rows, cols = bscan.shape[:2]
    if min(rows, cols) < MIN_SIDE:
        raise UserError(
            f"The B-scan of {rows} x {cols} pixels is too small: it needs {MIN_SIDE} each way."
        )
    if max(rows, cols) > MAX_SIDE:
        raise UserError(
            f"The image of {rows} x {cols} pixels is too large for a B-scan "
            f"(at most {MAX_SIDE} each way): crop it or scale it down first."
        )


def normalised(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return an (H, W) grey B-scan as 8 bit: uint8 as it is, others stretched to 0..255.

    The stretch goes from the 0.1st to the 99.9th percentile, so that one hot pixel does not
    darken the rest. A constant B-scan becomes zeros.
    """
    if grey.dtype == np.uint8:
        return grey
    low, high = np.percentile(grey, (0.1, 99.9))
    if high <= low:
        low, high = float(grey.min()), float(grey.max())
    if high <= low:
        return np.zeros(grey.shape, np.uint8)
    stretched = (grey - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.asarray(np.rint(stretched.clip(0, 255)), np.uint8)


def times(shape: Sequence[int]) -> str:
    """Return a shape as text: 496 x 768."""
    return " x ".join(str(n) for n in shape)
