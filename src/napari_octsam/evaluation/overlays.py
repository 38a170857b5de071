"""Pictures of a mask on its B-scan."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import bounding_box

__all__ = ["around", "labels_picture", "overlay_png"]


_MARGIN = 24
_LEAST = (128, 192)
_TINT = 0.65
_GREYS = 128


def around(mask: Mask) -> tuple[slice, slice]:
    """Return the window of an (H, W) mask with some of what surrounds it."""
    box = bounding_box(mask)
    spans = ((box.row0, box.row1), (box.col0, box.col1))
    rows, cols = (
        _widened(round(low), round(high), least, size)
        for (low, high), least, size in zip(spans, _LEAST, mask.shape, strict=True)
    )
    return rows, cols


def overlay_png(grey: npt.NDArray[np.uint8], mask: Mask | None, color: str) -> bytes:
    """Return a PNG of a B-scan with a mask in a colour.

    The grey values lose their last bit, so that both fit into one byte: the page stays small.

    Parameters
    ----------
    grey
        (H, W) uint8.
    mask
        (H, W) bool, or None for the B-scan alone.
    color
        "#rrggbb"; what follows is ignored.
    """
    pixels = grey // 2 if mask is None else grey // 2 + np.where(mask, _GREYS, 0).astype(np.uint8)
    greys = np.repeat(np.linspace(0, 255, _GREYS)[:, None], 3, axis=1)
    tinted = greys * (1 - _TINT) + np.array(ImageColor.getrgb(color[:7])) * _TINT
    picture = Image.fromarray(pixels, "P")
    picture.putpalette(np.concatenate([greys, tinted]).round().astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def labels_picture(
    grey: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], schema: LabelSchema
) -> npt.NDArray[np.uint8]:
    """Return a B-scan with its classes in their colours, (H, W, 3) uint8.

    Parameters
    ----------
    grey, labels
        (H, W) uint8; the background and what is not labelled stay grey.
    """
    colors = np.zeros((NOT_LABELLED + 1, 3))
    tints = np.zeros(NOT_LABELLED + 1)
    for each in schema.foreground:
        colors[each.value] = ImageColor.getrgb(each.color[:7])
        tints[each.value] = _TINT
    tint = tints[labels][..., None]
    mixed = grey[..., None] * (1 - tint) + colors[labels] * tint
    return mixed.round().astype(np.uint8)


def _widened(low: int, high: int, least: int, size: int) -> slice:
    """Add the margin, or more up to the least length, within 0 to `size`."""
    margin = max(_MARGIN, (least - (high - low)) // 2)
    return slice(max(0, low - margin), min(size, high + margin + 1))
