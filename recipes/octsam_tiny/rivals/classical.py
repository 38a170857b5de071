"""What needs no learning: a box, the grey levels in it, and scikit-image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import random_walker

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Box

__all__ = ["Find", "Open", "Segment", "boxed", "inside", "otsu", "walker", "whole_box"]

Segment: TypeAlias = Callable[[npt.NDArray[np.uint8], Box], Mask]
Find: TypeAlias = Callable[[int, Box], Mask]
"""Gives the mask of a class that has this box."""
Open: TypeAlias = Callable[[npt.NDArray[np.uint8], LabelSchema], Find]
"""Looks at a B-scan once, for all of its classes."""

_MARGIN = 10  # pixels round the box that are surely not the object
_SURE = 0.25  # share of the object's side of Otsu's threshold that seeds the random walk


def whole_box(image: npt.NDArray[np.uint8], box: Box) -> Mask:
    """Return all of the box, whatever the B-scan shows there."""
    found = np.zeros(image.shape, bool)
    found[inside(box)] = True
    return found


def otsu(image: npt.NDArray[np.uint8], box: Box) -> Mask:
    """Return the pixels of the box on one side of Otsu's threshold.

    Nothing says whether the object is the bright side or the dark one: that which is the rarer at
    the box's upper and lower edge is taken, since there the object ends.
    """
    rows, cols = inside(box)
    grey = gaussian(image[rows, cols], 1)
    bright = grey > threshold_otsu(grey)
    edges = np.concatenate([bright[0], bright[-1]])
    found = np.zeros(image.shape, bool)
    found[rows, cols] = bright if edges.mean() <= 0.5 else ~bright
    return found


def walker(image: npt.NDArray[np.uint8], box: Box) -> Mask:
    """Return random walks from the surest pixels of `otsu`, and from outside the box."""
    near = tuple(slice(max(part.start - _MARGIN, 0), part.stop + _MARGIN) for part in inside(box))
    grey = gaussian(image[near], 1)
    candidates = otsu(image, box)[near]
    seeds = np.full(grey.shape, 2)
    boxed = whole_box(image, box)[near]
    seeds[boxed] = 0
    middle = np.median(grey[boxed])
    clear = np.where(candidates, np.abs(grey - middle), -1.0)
    if candidates.any():
        seeds[clear >= np.quantile(clear[candidates], 1 - _SURE)] = 1
    found = np.zeros(image.shape, bool)
    if (seeds == 1).any() and (seeds == 2).any():
        found[near] = random_walker(grey, seeds, beta=1000, mode="cg_j") == 1
    return found


def boxed(segment: Segment) -> Open:
    """Return what answers for every class alike, by the box."""
    return lambda image, _: lambda _, box: segment(image, box)


def inside(box: Box) -> tuple[slice, slice]:
    """Return the rows and columns of a box."""
    return (
        slice(round(box.row0), round(box.row1) + 1),
        slice(round(box.col0), round(box.col1) + 1),
    )
