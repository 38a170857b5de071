"""What octsam-tiny sees of a B-scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

__all__ = ["preprocess_tiny"]

_ONE_LEVEL = 4  # grey levels by which JPEG may stray from one
_BRIGHTER = 48  # grey levels, of a letterbox than of the middle grey level within


def preprocess_tiny(grey: npt.NDArray[np.uint8], input_size: tuple[int, int]) -> torch.Tensor:
    """Return an (H, W) uint8 B-scan as octsam-tiny sees it, (1, 1, *input_size) float32.

    A letterbox of white or grey is blackened; its own mean to 0 and deviation to 1, then
    stretched.
    """
    pixels = torch.tensor(_on_black(grey)).float() / 255
    standardised = (pixels - pixels.mean()) / (pixels.std() + 1e-3)
    return F.interpolate(
        standardised[None, None], input_size, mode="bilinear", antialias=True, align_corners=False
    )


def _on_black(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a B-scan whose letterbox is dark: a bright one would shift all that is normalised.

    A letterbox is the rows and columns of one grey level at the edges. What is hardly brighter than
    the B-scan itself stays: it may be the vitreous body of an inverted one.
    """
    rows = _extent(grey)
    cols = _extent(grey[rows].T)
    content = grey[rows, cols]
    if content.shape == grey.shape:
        return grey
    outside = np.ones(grey.shape, bool)
    outside[rows, cols] = False
    bright = outside & (grey > np.median(content) + _BRIGHTER)
    return np.where(bright, content.min(), grey)


def _extent(lines: npt.NDArray[np.uint8]) -> slice:
    """Return from the first to the last line that has more than one grey level; all if none has."""
    varied = np.flatnonzero(np.ptp(lines, axis=1) > _ONE_LEVEL)
    return slice(varied[0], varied[-1] + 1) if len(varied) else slice(None)
