"""Whether an image is the one that an annotation was made on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["pixels_hash"]

_MOST = 16  # B-scans that are looked at: all of a large volume take too long


def pixels_hash(image: Any, bscans: Sequence[int]) -> str:
    """Return a hash of an image's shape, type and pixels.

    Parameters
    ----------
    image
        (*bscans, H, W), or (*bscans, H, W, 3 or 4) of colours; a lazy array is read B-scan by
        B-scan. Of more than 16, 16 count, evenly spaced from the first to the last.
    bscans
        Its axes before rows and columns.
    """
    leading = tuple(bscans)
    count = int(np.prod(leading, dtype=int))
    content = hashlib.sha256(f"{tuple(image.shape)} {np.dtype(image.dtype).str}".encode())
    for number in np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(int)):
        bscan = np.asarray(image[np.unravel_index(int(number), leading)])
        content.update(np.ascontiguousarray(bscan).data)
    return content.hexdigest()
