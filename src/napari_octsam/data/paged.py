"""Volumes in compressed TIFFs: sizes are looked at first, and pages decoded when they are taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_octsam.core.errors import UserError
from napari_octsam.core.images import MAX_SIDE

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage, TiffPageSeries

__all__ = [
    "TOO_LARGE",
    "PagedVolume",
    "check_decoded",
    "check_packed",
    "check_sides",
    "paged",
    "unreadable",
]

Pixels = npt.NDArray[Any]
AsMeant: TypeAlias = "Callable[[Pixels, TiffPage], Pixels]"

TOO_LARGE = f"it is larger than a B-scan, which has at most {MAX_SIDE} pixels each way"
"""What is wrong with a picture that nobody needs to decode to see so."""

_MOST_BYTES = 8 << 30
_FORMATS = ("JPEG", "JP2", "PNG", "WEBP")  # of pictures, which TIFF may pack as they are


class PagedVolume:
    """A volume in a TIFF, of which each page is a B-scan.

    Parameters
    ----------
    path
        The file, which is opened anew for each B-scan.
    leading
        Shape of the axes before the B-scan's.
    pages
        Numbers of the pages in the file, in the order of these axes.
    bscan
        Shape of a page: (H, W) or (H, W, 3 or 4).
    dtype
        Of the pixels.
    as_meant
        Makes grey or colours of the pixels of a page.
    """

    def __init__(
        self,
        path: Path,
        leading: tuple[int, ...],
        pages: Sequence[int],
        bscan: tuple[int, ...],
        dtype: np.dtype[Any],
        as_meant: AsMeant,
    ) -> None:
        self._path = path
        self._as_meant = as_meant
        self._leading = leading
        self._pages = pages
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
        """Decode the whole volume.

        Raises
        ------
        UserError
            It does not fit the memory, or cannot be read.
        """
        try:
            check_decoded(self.shape, self.dtype)
        except ValueError as error:
            raise unreadable(self._path, error) from error
        whole = np.empty((len(self._pages), *self.shape[len(self._leading) :]), self.dtype)
        for number in range(len(self._pages)):
            whole[number] = self._read(number)
        return whole.reshape(self.shape).astype(self.dtype if dtype is None else dtype, copy=False)

    def _read(self, number: int) -> Pixels:
        import tifffile  # late: the widgets open sooner

        try:
            with tifffile.TiffFile(self._path) as file:
                return page_as_meant(file.pages[self._pages[number]], self._as_meant)
        except Exception as error:  # broken files fail in many ways
            raise unreadable(self._path, error) from error


def unreadable(path: Path, error: Exception) -> UserError:
    """Return what to say of a picture that a reader fails on."""
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return UserError(f"{path} cannot be read as {path.suffix.upper()[1:]}: {reason}.")


def page_as_meant(page: TiffPage | TiffFrame, as_meant: AsMeant) -> Pixels:
    """Return a page as (H, W) grey or (H, W, 3 or 4) colours."""
    assert page.keyframe is not None  # every page has one
    check_packed(page)
    pixels = as_meant(np.asarray(page.asarray()), page.keyframe)
    return pixels[..., 0] if pixels.ndim > 2 and pixels.shape[-1] in (1, 2) else pixels


def paged(path: Path, series: Sequence[TiffPageSeries], as_meant: AsMeant) -> PagedVolume | None:
    """Return series of one shape as one volume; None where their pages are no B-scans.

    The first page is read, to know what it is meant as.
    """
    first, page = series[0], series[0].keyframe
    leading = first.shape[: first.ndim - len(page.shape)]
    pages = [each.index for part in series for each in part.pages if each is not None]
    if page.axes not in ("YX", "YXS") or len(pages) != prod(leading) * len(series):
        return None
    if len(series) > 1:
        leading = (len(series), *leading)
    if len(pages) < 2:
        return None
    sample = page_as_meant(page, as_meant)
    return PagedVolume(path, leading, pages, sample.shape, sample.dtype, as_meant)


def check_sides(series: TiffPageSeries) -> None:
    """Raise ValueError where a TIFF's B-scans, or the tiles it packs them in, are too large."""
    page = series.keyframe
    tile = (page.tilelength, page.tilewidth, page.tiledepth)
    if max(page.imagelength, page.imagewidth, *tile) > MAX_SIDE:
        raise ValueError(TOO_LARGE)


def check_packed(page: TiffPage | TiffFrame) -> None:
    """Raise ValueError where a page packs pictures, such as JPEG, that say to be too large."""
    assert page.keyframe is not None
    kind = getattr(page.keyframe.compression, "name", "")
    if not any(format in kind for format in _FORMATS):
        return
    file = page.parent.filehandle
    for begin, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(begin)
        try:
            with Image.open(BytesIO(file.read(count))) as packed:
                size = packed.size
        except Image.DecompressionBombError as error:
            raise ValueError(TOO_LARGE) from error
        except (OSError, SyntaxError):  # Pillow does not know it: the decoder may
            continue
        if max(size) > MAX_SIDE:
            raise ValueError(TOO_LARGE)


def check_decoded(shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Raise ValueError where decoded pixels would fill the memory."""
    size = prod(shape) * dtype.itemsize
    if size > _MOST_BYTES:
        most = _MOST_BYTES >> 30
        raise ValueError(f"it unpacks to {size >> 30:,} GB, of which {most} GB can be held at once")
