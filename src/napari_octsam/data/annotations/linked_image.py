"""The image that an annotation was made on, read from its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_octsam.core.annotation import ImageLink
from napari_octsam.core.errors import UserError
from napari_octsam.core.files import missing
from napari_octsam.core.images import times
from napari_octsam.data.annotations.link import pixels_hash
from napari_octsam.data.pictures import is_rgb, read_stored

__all__ = ["bscans_shape", "link_to", "read_linked"]


def bscans_shape(picture: npt.NDArray[Any]) -> tuple[int, ...]:
    """Return the shape of a picture without its colours: that of its labels."""
    return picture.shape[:-1] if is_rgb(picture) else picture.shape


def link_to(path: Path, picture: npt.NDArray[Any]) -> ImageLink:
    """Return the link to a picture that was read from a file."""
    shape = bscans_shape(picture)
    pixels = pixels_hash(picture, shape[:-2])
    return ImageLink(name=path.stem, path=str(path.absolute()), shape=shape, pixels=pixels)


def read_linked(image: ImageLink, path: Path | None = None) -> npt.NDArray[Any]:
    """Return the pixels of an image, (..., H, W) or (..., H, W, 3 or 4).

    Parameters
    ----------
    path
        Where it is now; else where it was.

    Raises
    ------
    UserError
        It came from no file, is gone, cannot be read, or is another one.
    """
    if path is None:
        if not image.path:
            raise UserError(
                f"The image {image.name} came from no file: save it, and name its file."
            )
        path = Path(image.path)
    if path.is_symlink() and not path.exists():
        raise UserError(missing(path))
    if not path.exists():
        raise UserError(f"The image {path} is gone: put it back where it was.")
    picture = read_stored(path)
    shape = bscans_shape(picture)
    if _without_ones(shape) != _without_ones(image.shape):
        raise UserError(
            f"{path} is another image than the one that was labelled: it is {times(shape)}, that "
            f"was {times(image.shape)}."
        )
    picture = picture.reshape(*image.shape, *picture.shape[len(shape) :])
    if image.pixels and pixels_hash(picture, image.shape[:-2]) != image.pixels:
        raise UserError(f"{path} has other pixels than the image that was labelled.")
    return picture


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n > 1)
