"""A small picture of a labelled B-scan, by which a person tells it from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.files import replacing

__all__ = ["write_picture"]

_SIZE = (320, 200)  # columns and rows at most
_OPACITY = 0.45


def write_picture(
    path: Path,
    bscan: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.integer],
    schema: LabelSchema,
) -> None:
    """Write an (H, W) grey B-scan with its labels in the schema's colours as a small PNG.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    colors = np.zeros((256, 4), np.float32)
    for each in schema.classes:
        rgba = bytes.fromhex(each.color.removeprefix("#").ljust(8, "f"))
        colors[each.value] = np.frombuffer(rgba, np.uint8)
    painted = colors[np.clip(labels, 0, 255)]
    share = painted[..., 3:] / 255 * _OPACITY
    mixed = bscan[..., None] * (1 - share) + painted[..., :3] * share
    picture = Image.fromarray(mixed.round().astype(np.uint8))
    picture.thumbnail(_SIZE)
    with replacing(path) as part:
        picture.save(part, format="PNG")
