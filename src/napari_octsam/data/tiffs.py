"""TIFF as pictures: grey and colours as the file means them, or why they cannot be read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.core.images import times
from napari_octsam.core.wording import listed
from napari_octsam.data.lazy import check_decoded
from napari_octsam.data.paged import PagedVolume, check_packed, check_sides, paged

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

__all__ = ["indices_in_tiff", "misread_tiff", "read_tiff", "shows_zero_as_white"]

Pixels = npt.NDArray[Any]

_AS_THEY_ARE = ("MINISBLACK", "RGB")
_JPEG = (6, 7, 33007)  # compressions that tifffile decodes to RGB


def read_tiff(path: Path) -> Pixels | PagedVolume:
    """Return (..., H, W) grey, grey with alpha or colours as the last axis, in native byte order.

    Where white is 0 it is turned round, palettes are looked up, and CMYK becomes RGB. What lies
    plainly in the file is mapped read-only; other volumes are read page by page.

    Raises
    ------
    ValueError
        Its pages differ in size or kind, it is too large, or its colours cannot be read.
    """
    import tifffile  # late, as everywhere here: the widgets open sooner

    with tifffile.TiffFile(path) as file:
        whole = _whole_series(file)
        for each in whole:
            check_sides(each)
        _check_alike(whole)
        first, *others = whole
        if not others and _is_plain(first, file.byteorder):
            mapped = _colours_last(tifffile.memmap(path, mode="r"), first)
            return _as_meant(mapped, first.keyframe)
        if (volume := paged(path, whole, _as_meant)) is not None:
            return volume
        check_decoded((len(whole), *first.shape), first.dtype)
        for page in (page for s in whole for page in s.pages if page is not None):
            check_packed(page)
        if others:  # B-scans that were written one by one
            return _as_meant(np.concatenate([_bscans(s) for s in whole]), first.keyframe)
        return _as_meant(_colours_last(first.asarray(), first), first.keyframe)


def misread_tiff(path: Path) -> str:
    """Return what is wrong with the bare numbers of the first picture, and "" where nothing is."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        whole = _whole_series(file)
        page = whole[0].keyframe
        kind = _photometric(page)
        if len(whole) > 1:
            return f"it holds {len(whole)} pictures, and the first was shown"
        if kind == "MINISWHITE":
            return "0 is white in it, and its negative was shown"
        if kind == "SEPARATED":
            return "its colours are CMYK"
        return "its numbers stand for other greys" if _has_other_greys(page) else ""


def shows_zero_as_white(path: Path) -> bool:
    """Whether a TIFF says that its smallest value is white."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        return _photometric(file.series[0].keyframe) == "MINISWHITE"


def indices_in_tiff(path: Path) -> Pixels | None:
    """Return the indices of a TIFF with a palette; None of any other."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        first = file.series[0]
        return first.asarray() if _photometric(first.keyframe) == "PALETTE" else None


def _whole_series(file: TiffFile) -> list[TiffPageSeries]:
    """Return the pictures of a file without the smaller copies of them."""
    return [s for s in file.series if not s.keyframe.is_reduced] or list(file.series)


def _has_other_greys(page: TiffPage) -> bool:
    """Whether a palette has greys in another order than that of their numbers."""
    table = page.colormap
    if _photometric(page) != "PALETTE" or table is None or not (table[0] == table).all():
        return False
    return bool((np.diff(table[0].astype(np.int64)) < 0).any())


def _photometric(page: TiffPage) -> str:
    return getattr(page.photometric, "name", str(page.photometric))


def _check_alike(series: Sequence[TiffPageSeries]) -> None:
    if len({_kind(s.keyframe) for s in series}) < 2:
        return
    one_size = len({_size(s.keyframe) for s in series}) == 1
    told = []
    for each in series:
        page = each.keyframe
        is_ = "is" if len(each.pages) == 1 else "are"
        kind = f", {_photometric(page)} of {page.dtype}" if one_size else ""
        told.append(f"{_numbers(each)} {is_} {_size(page)}{kind}")
    differ = "in kind" if one_size else "in size"
    raise ValueError(f"its pages differ {differ}: {'; '.join(told)}. Save the B-scans alone")


def _kind(page: TiffPage) -> tuple[Any, ...]:
    return page.shape, page.dtype, page.photometric


def _size(page: TiffPage) -> str:
    return times((page.imagelength, page.imagewidth))


def _numbers(series: TiffPageSeries) -> str:
    """Return "page 1" or "pages 2 to 5 and 7", counted from 1."""
    runs: list[list[int]] = []
    for number in (page.index + 1 for page in series.pages if page is not None):
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    word = "page" if runs == [[runs[0][0]]] else "pages"
    return f"{word} {listed([' to '.join(map(str, run)) for run in runs], 'and')}"


def _is_plain(series: TiffPageSeries, byteorder: str) -> bool:
    native = series.dtype.itemsize == 1 or (byteorder == "<") == (sys.byteorder == "little")
    as_it_is = _photometric(series.keyframe) in _AS_THEY_ARE
    return series.dataoffset is not None and as_it_is and native


def _bscans(series: TiffPageSeries) -> Pixels:
    """Return the pages of a series as (N, H, W) or (N, H, W, colours)."""
    picture = _colours_last(series.asarray(), series)
    of_one = picture.shape[-3:] if "S" in series.axes else picture.shape[-2:]
    return picture.reshape(-1, *of_one)


def _colours_last(picture: Pixels, series: TiffPageSeries) -> Pixels:
    return np.moveaxis(picture, -3, -1) if series.axes.endswith("SYX") else picture


def _as_meant(picture: Pixels, page: TiffPage) -> Pixels:
    """Return pixels as grey or RGB, by the page's photometric interpretation."""
    kind = _photometric(page)
    if kind == "MINISWHITE":
        return _turned_round(picture, page)
    if kind == "PALETTE":
        return _looked_up(picture, page)
    if kind == "SEPARATED":
        return _from_cmyk(picture, page)
    in_rgb = kind == "YCBCR" and page.compression in _JPEG
    if kind not in _AS_THEY_ARE and not in_rgb:
        raise ValueError(f"its colours are kept as {kind}: save it as grey or RGB")
    if page.samplesperpixel > 4:
        raise ValueError(f"it has {page.samplesperpixel} channels: save it as grey or RGB")
    return picture


def _turned_round(picture: Pixels, page: TiffPage) -> Pixels:
    if picture.dtype == bool:
        return ~picture
    if picture.dtype.kind != "u" or page.samplesperpixel > 1:
        raise ValueError("it shows 0 as white, in no way that is known: save it with 0 as black")
    most = picture.dtype.type(2**page.bitspersample - 1)
    return np.asarray(most - picture)


def _looked_up(picture: Pixels, page: TiffPage) -> Pixels:
    table = page.colormap  # (3, 2 ** bits) uint16
    if table is None or page.samplesperpixel > 1:
        raise ValueError("its palette is missing or has channels: save it as grey or RGB")
    if page.bitspersample <= 8:
        table = (table if table.max() < 256 else table >> 8).astype(np.uint8)
    if (table[0] == table).all():
        return np.asarray(table[0][picture])
    return np.asarray(table.T[picture])


def _from_cmyk(picture: Pixels, page: TiffPage) -> Pixels:
    ink_set = page.tags.valueof("InkSet", default=1)
    if picture.shape[-1] != 4 or page.samplesperpixel != 4 or ink_set != 1:
        raise ValueError("its colours are inks that are not known: save it as grey or RGB")
    if picture.dtype.kind != "u":
        raise ValueError("its inks are no whole numbers: save it as grey or RGB")
    most = float(np.iinfo(picture.dtype).max)
    left = most - picture.astype(np.float64)
    return np.rint(left[..., :3] * left[..., 3:] / most).astype(picture.dtype)
