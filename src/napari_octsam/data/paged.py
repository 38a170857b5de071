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

from napari_octsam.core.images import MAX_SIDE
from napari_octsam.data.lazy import TOO_LARGE, LazyVolume

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage, TiffPageSeries

__all__ = ["PagedVolume", "check_packed", "check_sides", "paged"]

Pixels = npt.NDArray[Any]
AsMeant: TypeAlias = "Callable[[Pixels, TiffPage], Pixels]"

_FORMATS = ("JPEG", "JP2", "PNG", "WEBP")  # of pictures, which TIFF may pack as they are


class PagedVolume(LazyVolume):
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
        super().__init__(path, leading, bscan, dtype, self._page)
        self._as_meant = as_meant
        self._pages = pages

    def _page(self, number: int) -> Pixels:
        import tifffile  # late: the widgets open sooner

        with tifffile.TiffFile(self._path) as file:
            return page_as_meant(file.pages[self._pages[number]], self._as_meant)


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
