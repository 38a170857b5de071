"""Which metrics a report has, how they are shown, and means that leave out what is not known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = [
    "DICE",
    "MICROMETRES",
    "PIXEL_METRICS",
    "SHAPE_METRICS",
    "Metric",
    "Metrics",
    "mean_known",
]

Metrics = Mapping[str, float]
"""Values by the key of the metric; NaN where one is not defined."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a report.

    Parameters
    ----------
    key
        Its name in files.
    heading
        Its name in tables.
    meaning
        What it is, in a line.
    decimals
        To show.
    higher_is_better
        Or lower.
    """

    key: str
    heading: str
    meaning: str
    decimals: int = 3
    higher_is_better: bool = True

    def shown(self, value: float) -> str:
        """Return a value as text, and a dash for NaN."""
        return "-" if math.isnan(value) else f"{value:.{self.decimals}f}"


def _error(key: str, heading: str, meaning: str) -> Metric:
    return Metric(key, heading, meaning, decimals=2, higher_is_better=False)


DICE = Metric("dice", "Dice", "2 tp / (2 tp + fp + fn); of masks, F1 is the same.")
MICROMETRES = _error("boundary_error_um", "Edge µm", "The same in µm.")

PIXEL_METRICS = (
    Metric("iou", "IoU", "Intersection over union, tp / (tp + fp + fn)."),
    DICE,
    Metric("f1", "F1", "Harmonic mean of precision and sensitivity."),
    Metric("accuracy", "Acc", "Accuracy: the share of all pixels that are right."),
    Metric("specificity", "Spec", "Specificity: the share of other pixels left alone."),
    Metric("sensitivity", "Sens", "Sensitivity, recall: the share of the class that is found."),
    Metric("precision", "Prec", "Precision: the share of what is marked that is right."),
    Metric("average_precision", "AP", "Average precision over all thresholds."),
)
"""What pixels say: pooled and averaged."""

SHAPE_METRICS = (
    _error("hd95_px", "HD95 px", "95th percentile of the Hausdorff distance, in pixels."),
    _error("surface_distance_px", "ASSD px", "Average symmetric surface distance, in pixels."),
    _error("top_error_px", "Top px", "Distance of the top rows, mean over A-scans."),
    _error("bottom_error_px", "Bottom px", "Distance of the bottom rows, mean over A-scans."),
    _error("boundary_error_px", "Edge px", "Boundary error: the mean of top and bottom."),
    MICROMETRES,
    _error("betti_error", "Betti", "Differences in the numbers of pieces and of holes, added."),
    _error("betti_matching_error", "Matching", "Pieces and holes of either mask without a match."),
    Metric("cl_dice", "clDice", "Harmonic mean of the skeletons' shares inside the other mask."),
)
"""What boundaries and topology say: averaged only."""


def mean_known(values: Iterable[float]) -> float:
    """Return the mean of what is not NaN, and NaN where nothing is left."""
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan
