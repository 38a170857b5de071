"""Something odd about the labels of a B-scan, and the pixels that would mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.masks import Mask
from napari_octsam.core.wording import counted, listed

__all__ = ["Finding", "Kind", "Labels", "applied", "becoming", "finding"]

Labels = npt.NDArray[np.uint8]


class Kind(StrEnum):
    """What is odd, in the order in which it is mended."""

    SWAPPED = "swapped classes"
    """Each layer is where another belongs."""
    ISLAND = "island"
    """A piece of a class beside, above or below its own."""
    HOLE = "hole"
    """In one class, or in several together."""
    GAP = "gap"
    """Pixels or columns without a label between layers."""
    BROKEN = "broken layer"
    """A layer is thinner than a pixel in some columns, and so in pieces."""
    ORDER = "order"
    """Layers that lie in another order than the schema's."""
    SPECK = "speck"
    """A piece of a lesion that is too small to be one."""
    PIECES = "pieces"
    """A layer ends and goes on far away, as at an optic disc. Nothing mends that by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """Something odd in a B-scan.

    Parameters
    ----------
    text
        A sentence: what it is, and what the repair does.
    row, col
        A pixel of it, to go to.
    rows, cols
        (N,) pixels that the repair changes; none where it cannot be mended.
    values
        (N,) uint8 label values that they get.
    """

    kind: Kind
    text: str
    row: int
    col: int
    rows: npt.NDArray[np.intp]
    cols: npt.NDArray[np.intp]
    values: Labels

    @property
    def can_be_repaired(self) -> bool:
        """Whether there is anything to change."""
        return bool(self.rows.size)


def finding(
    kind: Kind, text: str, place: tuple[int, int] | None, changed: Mask, wanted: Labels
) -> Finding:
    """Return a finding whose repair gives changed pixels their wanted values, both (H, W).

    Without a place it is at the pixel in the middle of those that change.
    """
    rows, cols = np.nonzero(changed)
    if place is None:
        away = (rows - rows.mean()) ** 2 + (cols - cols.mean()) ** 2
        nearest = int(away.argmin())
        place = int(rows[nearest]), int(cols[nearest])
    return Finding(kind, text, *place, rows, cols, wanted[rows, cols])


def applied(labels: Labels, findings: Iterable[Finding]) -> Labels:
    """Return (H, W) labels after the repairs of some findings."""
    repaired = labels.copy()
    for each in findings:
        repaired[each.rows, each.cols] = each.values
    return repaired


def becoming(changed: Mask, wanted: Labels, schema: LabelSchema) -> str:
    """Return "12 pixels become INL and OPL": what a repair does, the largest part first."""
    pixels = np.bincount(wanted[changed], minlength=256)
    values = [int(v) for v in np.argsort(-pixels, kind="stable") if pixels[v]]
    names = {c.value: c.short for c in schema.classes}
    told = listed([names.get(value, "unlabelled") for value in values], "and")
    number = int(pixels.sum())
    return f"{counted(number, 'pixel')} {'becomes' if number == 1 else 'become'} {told}"
