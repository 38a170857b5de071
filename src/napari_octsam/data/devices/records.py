"""Records in a file: each is looked for in it before it is read."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.images import MAX_SIDE
from napari_octsam.data.lazy import TOO_LARGE

__all__ = ["TOO_SHORT", "Records", "check_bscans"]

TOO_SHORT = "it ends before all that it says to hold: it is damaged, or not copied whole"
"""What is wrong with a file that nobody needs to read to see so."""

_MOST_BSCANS = 1 << 16


class Records:
    """A file of records, which is opened anew for each.

    Raises
    ------
    ValueError
        It is empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        if not self.size:
            raise ValueError("it is empty")

    def text(self, at: int, length: int) -> bytes:
        """Return bytes without the zeros after them; ValueError where the file ends before."""
        return self._piece(at, length).split(b"\0")[0]

    def record(self, at: int, dtype: np.dtype[Any]) -> Any:
        """Return a record with the fields of a type; ValueError where the file ends before."""
        return np.frombuffer(self._piece(at, dtype.itemsize), dtype)[0]

    def array(self, at: int, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return an array; ValueError where the file ends before."""
        kind = np.dtype(dtype)
        piece = self._piece(at, prod(shape) * kind.itemsize)
        return np.frombuffer(bytearray(piece), kind).reshape(shape)

    def check(self, at: int, length: int) -> None:
        """Raise ValueError where the file does not reach so far."""
        if at < 0 or length < 0 or at + length > self.size:
            raise ValueError(TOO_SHORT)

    def _piece(self, at: int, length: int) -> bytes:
        self.check(at, length)
        with self._path.open("rb") as file:
            file.seek(at)
            piece = file.read(length)
        if len(piece) < length:
            raise ValueError(TOO_SHORT)
        return piece


def check_bscans(count: int, rows: int, cols: int) -> None:
    """Raise ValueError where a file says to hold none, too many or too large B-scans."""
    if max(rows, cols) > MAX_SIDE:
        raise ValueError(TOO_LARGE)
    if not 0 < count <= _MOST_BSCANS or min(rows, cols) < 1:
        raise ValueError(f"it says to hold {count:,} B-scans of {rows} x {cols} pixels")
