"""How far B-scans between corrected ones are from the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.correction_effort.cases import RPE_BAND, truths_of_amd_volume
from napari_octsam.core.boundaries import Boundaries, boundaries_of
from napari_octsam.core.interpolation import boundaries_between, snapped
from napari_octsam.core.retracing import costs_from_image

__all__ = ["NEAR", "shares_of_columns"]

NEAR = 1.5
"""Rows."""

BScan = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def shares_of_columns(data: Path, every: int) -> tuple[float, float]:
    """Return in which share of its columns a boundary is `NEAR` the truth: plain, and snapped.

    Parameters
    ----------
    every
        Of the labelled B-scans, each so-many-th is right; the others are made from these.
    """
    bscans = truths_of_amd_volume(data)
    truths = [boundaries_of(labels, RPE_BAND) for _, labels in bscans]
    near, snapped_near = [], []
    for start in range(0, len(bscans) - every, every):
        ends = truths[start], truths[start + every]
        for step in range(1, every):
            expected = boundaries_between(*ends, step / every)
            image, truth = bscans[start + step][0], truths[start + step]
            near.append(_near(expected, truth))
            snapped_near.append(_near(_snapped(image, expected), truth))
    return float(np.concatenate(near).mean()), float(np.concatenate(snapped_near).mean())


def _snapped(image: npt.NDArray[np.uint8], expected: Boundaries) -> Boundaries:
    costs: Sequence[npt.NDArray[np.float32]] = [
        costs_from_image(image, expected, number) for number in range(len(expected))
    ]
    return snapped(expected, np.concatenate(costs, axis=1))


def _near(found: Boundaries, truth: Boundaries) -> npt.NDArray[np.bool_]:
    known = np.isfinite(found) & np.isfinite(truth)
    return np.asarray(np.abs(found - truth)[known] <= NEAR)
