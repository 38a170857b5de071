"""Lesions of a class: how many, how high, how large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED, LabelClass, LabelSchema
from napari_octsam.measurement.spacing import Spacing

__all__ = ["Lesion", "lesion_classes", "lesion_rows", "lesions_of", "seen_columns"]


@dataclass(frozen=True, slots=True)
class Lesion:
    """One piece of a class, connected by sides and corners.

    Parameters
    ----------
    bscan, row, col
        Its centre, in pixels.
    bscans
        On how many B-scans it is.
    area_mm2
        Its largest area on one B-scan.
    height_um
        The most that a column shows of it.
    volume_mm3, enface_mm2
        Its volume, and its area seen from above; None of a single B-scan.
    """

    bscan: float
    row: float
    col: float
    bscans: int
    area_mm2: float
    height_um: float
    volume_mm3: float | None
    enface_mm2: float | None


def lesion_classes(schema: LabelSchema) -> tuple[LabelClass, ...]:
    """Return the classes of a schema that are no step of its stack: all that is no layer."""
    steps = {step.value for step in schema.stack}
    return tuple(each for each in schema.foreground if each.value not in steps)


def lesion_rows(labels: npt.NDArray[np.uint8], value: int) -> npt.NDArray[np.int_]:
    """Return how many pixels each column of (B-scans, H, W) labels has of a class."""
    return np.asarray(np.count_nonzero(labels == value, axis=1))


def seen_columns(labels: npt.NDArray[np.uint8], schema: LabelSchema) -> npt.NDArray[np.bool_]:
    """Return in which columns of (B-scans, H, W) labels a lesion that is not there is not there.

    That is (B-scans, W): all pixels are labelled, and where the schema has layers, the B-scan shows
    one at least. Else nobody has said that there is nothing.
    """
    seen = (labels != NOT_LABELLED).all(axis=1)
    if schema.layers:
        layers = [value for layer in schema.layers for value in layer.members]
        shown = [bool(np.isin(bscan, layers).any()) for bscan in labels]
        seen &= np.array(shown, bool)[:, None]
    return np.asarray(seen)


def lesions_of(labels: npt.NDArray[np.uint8], value: int, spacing: Spacing) -> tuple[Lesion, ...]:
    """Return the pieces of a class in (B-scans, H, W) labels, the largest first."""
    numbers, count = ndimage.label(labels == value, np.ones((3, 3, 3), bool))
    boxes = ndimage.find_objects(numbers, count)
    found = [
        _lesion(numbers[box] == number, [side.start for side in box], spacing)
        for number, box in enumerate(boxes, start=1)
    ]
    return tuple(sorted(found, key=lambda each: each.volume_mm3 or each.area_mm2, reverse=True))


def _lesion(mask: npt.NDArray[np.bool_], corner: list[int], spacing: Spacing) -> Lesion:
    heights = np.count_nonzero(mask, axis=1)
    cell = spacing.cell_mm2
    centre = [float(c + i.mean()) for c, i in zip(corner, np.nonzero(mask), strict=True)]
    return Lesion(
        bscan=centre[0],
        row=centre[1],
        col=centre[2],
        bscans=len(mask),
        area_mm2=float(heights.sum(axis=1).max() * spacing.pixel_mm2),
        height_um=float(heights.max() * spacing.axial),
        volume_mm3=None if cell is None else float(heights.sum() * spacing.axial * 1e-3 * cell),
        enface_mm2=None if cell is None else float(np.count_nonzero(heights) * cell),
    )
