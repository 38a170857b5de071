"""Records in a file that is mapped: each is looked for in the file before it is read."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.images import MAX_SIDE
from napari_octsam.data.lazy import TOO_LARGE

__all__ = ["MappedFile", "check_bscans"]

_MOST_BSCANS = 1 << 16
_TOO_SHORT = "it ends before all that it says to hold: it is damaged, or not copied whole"


class MappedFile:
    """The bytes of a file, of which only those are read that are taken."""

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        if not self.size:
            raise ValueError("it is empty")
        self._bytes: npt.NDArray[np.uint8] = np.memmap(path, np.uint8, "r")

    def text(self, at: int, length: int) -> bytes:
        """Return bytes without the zeros after them."""
        return self._piece(at, length).tobytes().split(b"\0")[0]

    def record(self, at: int, dtype: np.dtype[Any]) -> Any:
        """Return a record with the fields of a type."""
        return self._piece(at, dtype.itemsize).view(dtype)[0]

    def array(self, at: int, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return an array, which is a copy where it does not lie evenly in the file."""
        kind = np.dtype(dtype)
        return self._piece(at, prod(shape) * kind.itemsize).view(kind).reshape(shape)

    def check(self, at: int, length: int) -> None:
        """Raise ValueError where the file does not reach so far."""
        if at < 0 or length < 0 or at + length > self.size:
            raise ValueError(_TOO_SHORT)

    def _piece(self, at: int, length: int) -> npt.NDArray[np.uint8]:
        self.check(at, length)
        return np.array(self._bytes[at : at + length])


def check_bscans(count: int, rows: int, cols: int) -> None:
    """Raise ValueError where a file says to hold none, too many or too large B-scans."""
    if max(rows, cols) > MAX_SIDE:
        raise ValueError(TOO_LARGE)
    if not 0 < count <= _MOST_BSCANS or min(rows, cols) < 1:
        raise ValueError(f"it says to hold {count:,} B-scans of {rows} x {cols} pixels")
