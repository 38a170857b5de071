"""How much there is to correct on a B-scan that was held back, and was on those corrected last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_octsam.core.classes import ANOTHER_CLASS, NOT_LABELLED, LabelSchema
from napari_octsam.core.wording import counted
from napari_octsam.evaluation.metrics import boundary_error, dice, mean_known

if TYPE_CHECKING:
    from napari_octsam.training.events import Sample

__all__ = ["Judged", "compared", "judged", "work_told"]


class Judged(NamedTuple):
    """What a model's labels of a B-scan are worth.

    Parameters
    ----------
    dice
        Mean over the classes that the person has labelled.
    boundary_error
        Mean distance of their upper and lower edges, in pixels; NaN where none can be compared.
    wrong
        Pixels that are to be corrected.
    """

    dice: float
    boundary_error: float
    wrong: int

    @property
    def in_short(self) -> str:
        """The first two, for a line."""
        edges = f", edges {self.boundary_error:.1f} px off" if self.has_edges else ""
        return f"Dice {self.dice:.2f}{edges}"

    @property
    def has_edges(self) -> bool:
        """Whether it is known how far edges are off."""
        return not math.isnan(self.boundary_error)


def judged(sample: Sample, schema: LabelSchema) -> Judged:
    """Judge the labels of a sample by those of the person."""
    truth, found = sample.truth, sample.predicted
    counts = truth != NOT_LABELLED
    shown = [c.value for c in schema.foreground if (truth == c.value).any()]
    unsaid = (truth == ANOTHER_CLASS) & ~np.isin(found, shown)
    pairs = [(found == value, truth == value) for value in shown]
    return Judged(
        mean_known(dice(mask, true, counts) for mask, true in pairs),
        mean_known(
            mean_known(each for each in boundary_error(mask, true, counts)) for mask, true in pairs
        ),
        int(np.count_nonzero((found != truth) & counts & ~unsaid)),
    )


def compared(before: Judged, now: Judged) -> str:
    """Return a sentence on a B-scan that was held back."""
    told = f"On the B-scan held back, {before.wrong} pixels were to correct, now {now.wrong}"
    if not (before.has_edges and now.has_edges):
        return f"{told}."
    edges = f"edges were {before.boundary_error:.1f} pixels off, now {now.boundary_error:.1f}"
    return f"{told}; {edges}."


def work_told(pixels: Sequence[int]) -> str:
    """Return a sentence on how many pixels the person has changed on the last B-scans, or ""."""
    if not pixels:
        return ""
    mean = round(float(np.mean(pixels)))
    each = f"{mean:,} pixel{'s' if mean != 1 else ''}"
    if len(pixels) == 1:
        return f"You changed {each} on the last B-scan that a model had labelled."
    last = counted(len(pixels), "B-scan")
    return f"You changed {each} each on the last {last} that a model had labelled."
