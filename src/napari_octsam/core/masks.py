"""From predicted logits to a labels image: threshold, overlaps, what may be overwritten."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.decoded import LogitWindow, threshold_logit

__all__ = ["EIGHT_CONNECTED", "Mask", "Overlap", "composite", "merge"]

Mask = npt.NDArray[np.bool_]
"""True on the object, (H, W)."""

EIGHT_CONNECTED = np.ones((3, 3), bool)
"""Structure that counts pixels as one piece that touch by a side or a corner."""


class Overlap(StrEnum):
    """What happens to pixels that already have a class when a prediction is committed."""

    KEEP = "keep"
    """Only unlabelled pixels (0 or 255) change."""
    REPLACE = "replace"
    """Every predicted pixel changes."""
    REPLACE_CLASSES = "replace only these classes"
    """Unlabelled pixels and pixels of the named classes change."""


_INSIDE = 0.9  # share of its pixels at which an object counts as inside another


def composite(
    shape: tuple[int, int],
    objects: Iterable[tuple[int, LogitWindow]],
    threshold: float = 0.5,
) -> npt.NDArray[np.uint8]:
    """Paint (class value, mask) objects into one image.

    An object that lies inside another, as a cyst in the retina, is painted over it. Elsewhere,
    as where two layers meet, the surer one wins.

    Returns
    -------
    (H, W) uint8, class values; `NOT_LABELLED` where no object is, so that the class 0 can be
    predicted too.
    """
    least = threshold_logit(threshold)
    labels = np.full(shape, NOT_LABELLED, np.uint8)
    owners = np.zeros(shape, np.intp)
    best = np.full(shape, least, np.float32)
    masks = [(value, found, found.logits > least) for value, found in objects]
    masks.sort(key=lambda each: -np.count_nonzero(each[2]))
    for number, (value, found, mask) in enumerate(masks, start=1):
        here = found.window
        wins = mask if _lies_inside_one(owners[here][mask]) else found.logits > best[here]
        labels[here][wins] = value
        owners[here][wins] = number
        best[here][wins] = found.logits[wins]
    return labels


def _lies_inside_one(owners: npt.NDArray[np.intp]) -> bool:
    """Whether most pixels of an object belong to one other; 0 is no owner."""
    if not owners.size:
        return False
    pixels = np.bincount(owners)
    pixels[0] = 0
    return bool(pixels.max() >= _INSIDE * owners.size)


def merge(
    current: npt.NDArray[np.integer],
    predicted: npt.NDArray[np.uint8],
    overlap: Overlap,
    replaceable: Collection[int] = (),
) -> npt.NDArray[np.bool_]:
    """Return the (H, W) mask of pixels of `current` that `predicted` may overwrite and changes.

    Parameters
    ----------
    current
        (H, W) labels as they are.
    predicted
        (H, W) from `composite`; `NOT_LABELLED` pixels never overwrite.
    replaceable
        Class values that `Overlap.REPLACE_CLASSES` may overwrite.
    """
    changes: npt.NDArray[np.bool_] = (predicted != NOT_LABELLED) & (predicted != current)
    if overlap is Overlap.REPLACE:
        return changes
    free: npt.NDArray[np.bool_] = (current == 0) | (current == NOT_LABELLED)
    if overlap is Overlap.REPLACE_CLASSES:
        free |= np.isin(current, list(replaceable))
    return changes & free
