"""Pictures that napari's own reader, imageio, takes for something else than their files mean.

It takes no notice of what a TIFF says of its numbers: where 0 is white, a negative comes out, and
so would all that a model makes of it. Of several pictures in a file it takes the first, of 16 bits
in colour 8, the inks of CMYK for red, green, blue and alpha, and grey with alpha for a volume.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import imageio.v3 as iio
import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_octsam.data.pictures import has_one_channel, is_deep_colour, is_rgb, read_stored
from napari_octsam.data.tiffs import misread_tiff

__all__ = ["Meant", "as_meant"]

Pixels = npt.NDArray[Any]


class Meant(NamedTuple):
    """What a picture is, and what was wrong with what was shown, as the end of a sentence."""

    pixels: Pixels
    why: str


def as_meant(path: Path, shown: Pixels) -> Meant | None:
    """Return what a file means, where another picture of it is shown.

    Parameters
    ----------
    shown
        The picture in a layer. What a person has made of it by now is left alone.

    Raises
    ------
    UserError
        Its pictures are of different sizes or kinds, so that it cannot be read as a whole.
    """
    why = "its last axis is grey and alpha" if has_one_channel(shown) else _why_misread(path)
    raw = _as_shown(path) if why else None
    if raw is None or not np.array_equal(shown, raw):
        return None
    picture = read_stored(path)
    if shown.ndim > 2 and shown.shape[-1] == 4 and is_rgb(picture) and picture.shape[-1] == 3:
        opaque = np.full_like(picture[..., :1], np.iinfo(picture.dtype).max)
        picture = np.concatenate([picture, opaque], axis=-1)
    return Meant(picture, why)


def _as_shown(path: Path) -> Pixels | None:
    """Return what napari's reader makes of a file."""
    try:
        is_array = path.suffix.lower() == ".npy"
        return np.asarray(np.load(path) if is_array else iio.imread(path))
    except Exception:  # it is none of those, or has changed
        return None


def _why_misread(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        if path.suffix.lower() in (".tif", ".tiff"):
            return misread_tiff(path)
        if path.suffix.lower() == ".png" and is_deep_colour(path):
            return "it has 16 bits, of which 8 were shown"
        if path.suffix.lower() in (".jpg", ".jpeg"):
            with Image.open(path) as file:
                return "its colours are CMYK" if file.mode == "CMYK" else ""
    except Exception:  # broken files fail in many ways, and what could be shown of them is shown
        return ""
    return ""
