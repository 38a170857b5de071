"""Volumes in files: sizes are looked at first, and a B-scan is read when it is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import MAX_SIDE

__all__ = ["TOO_LARGE", "LazyVolume", "check_decoded", "unreadable"]

Pixels = npt.NDArray[Any]

TOO_LARGE = f"it is larger than a B-scan, which has at most {MAX_SIDE} pixels each way"
"""What is wrong with a picture that nobody needs to decode to see so."""

_MOST_BYTES = 8 << 30


class LazyVolume:
    """A volume in a file, which is opened anew for each B-scan.

    Parameters
    ----------
    path
        The file.
    leading
        Shape of the axes before the B-scan's.
    bscan
        Shape of a B-scan: (H, W) or (H, W, 3 or 4).
    dtype
        Of the pixels.
    read
        Gives a B-scan by its number, in the order of the leading axes.
    """

    def __init__(
        self,
        path: Path,
        leading: tuple[int, ...],
        bscan: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[int], Pixels],
    ) -> None:
        self._path = path
        self._leading = leading
        self._read_bscan = read
        self.shape = (*leading, *bscan)
        self.ndim = len(self.shape)
        self.size = prod(self.shape)
        self.dtype = dtype

    def __getitem__(self, index: Any) -> Pixels:
        """Return a B-scan, which is read now, or whatever numpy gives of the whole volume."""
        place = index if isinstance(index, tuple) else (index,)
        whole = all(isinstance(i, int) for i in place)
        if len(place) != len(self._leading) or not whole:
            return np.asarray(np.asarray(self)[index])
        return self._read(int(np.ravel_multi_index(place, self._leading)))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Pixels:
        """Read the whole volume.

        Raises
        ------
        UserError
            It does not fit the memory, or cannot be read.
        """
        try:
            check_decoded(self.shape, self.dtype)
        except ValueError as error:
            raise unreadable(self._path, error) from error
        count = prod(self._leading)
        whole = np.empty((count, *self.shape[len(self._leading) :]), self.dtype)
        for number in range(count):
            whole[number] = self._read(number)
        return whole.reshape(self.shape).astype(self.dtype if dtype is None else dtype, copy=False)

    def _read(self, number: int) -> Pixels:
        try:
            return self._read_bscan(number)
        except UserError:
            raise
        except Exception as error:  # broken files fail in many ways
            raise unreadable(self._path, error) from error


def unreadable(path: Path, error: Exception) -> UserError:
    """Return what to say of a picture that a reader fails on."""
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return UserError(f"{path} cannot be read as {path.suffix.upper()[1:]}: {reason}.")


def check_decoded(shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise ValueError where decoded pixels would fill the memory."""
    size = prod(shape) * dtype.itemsize
    if size > _MOST_BYTES:
        most = _MOST_BYTES >> 30
        raise ValueError(f"it unpacks to {size >> 30:,} GB, of which {most} GB can be held at once")
