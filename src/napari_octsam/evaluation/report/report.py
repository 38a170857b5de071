"""A report on many judged masks: per class and overall, pooled over pixels and averaged."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from napari_octsam.core.classes import LabelClass, LabelSchema
from napari_octsam.evaluation.judging import ClassScore, JudgedMask, pixel_metrics
from napari_octsam.evaluation.metrics import (
    DICE,
    Calibration,
    Confidence,
    Metric,
    Metrics,
    ObjectCalibration,
    PixelCounts,
    calibrate,
    mean_known,
    mean_metrics,
)

__all__ = ["ClassReport", "Extremes", "Ranked", "Report", "best_first", "build_report"]

_NAMED = 3

T = TypeVar("T")


class Ranked(NamedTuple):
    """A B-scan and the metric that it is ranked by."""

    bscan: str
    value: float


@dataclass(frozen=True, slots=True)
class Extremes:
    """The B-scans that stand out: up to three each, and none twice where there are three or more.

    Parameters
    ----------
    best
        The best first.
    middle
        Around the median, the better ones first.
    worst
        The worst first.
    """

    best: tuple[Ranked, ...]
    middle: tuple[Ranked, ...]
    worst: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True)
class ClassReport:
    """The metrics of a class.

    Parameters
    ----------
    label
        The class.
    bscans
        B-scans that show it, in truth or in the prediction: the only ones that count.
    absent
        B-scans that show it in neither.
    missed
        B-scans that show it in truth alone. They have no distances.
    counts
        Pixels of all B-scans together.
    pooled
        `PIXEL_METRICS` of all pixels together.
    averaged
        Means of all metrics over the B-scans where they are defined.
    extremes
        The B-scans that stand out.
    """

    label: LabelClass
    bscans: int
    absent: int
    missed: int
    counts: PixelCounts
    pooled: Metrics
    averaged: Metrics
    extremes: Extremes


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about all B-scans.

    Parameters
    ----------
    bscans
        Number of them.
    axial_um
        µm per pixel along the A-scan, or None.
    ranked_by
        Metric that says which B-scans stand out.
    classes
        Those that a B-scan shows, in the order of the schema.
    nowhere
        Those that none shows.
    pooled, averaged
        Means of the classes' metrics: each class weighs the same.
    all_pixels
        `PIXEL_METRICS` of all pixels of all classes together: large classes weigh more.
    extremes
        The B-scans that stand out, by the mean over their classes.
    scores
        Of each class on each B-scan, where it is not absent.
    calibration
        How far the model's own judgement can be trusted; None where no model was asked.
    """

    bscans: int
    axial_um: float | None
    ranked_by: Metric
    classes: tuple[ClassReport, ...]
    nowhere: tuple[LabelClass, ...]
    pooled: Metrics
    averaged: Metrics
    all_pixels: Metrics
    extremes: Extremes
    scores: tuple[ClassScore, ...]
    calibration: Calibration | None


def build_report(
    judged: Iterable[JudgedMask],
    schema: LabelSchema,
    axial_um: float | None = None,
    ranked_by: Metric = DICE,
    *,
    background: bool = False,
) -> Report:
    """Build the report; of each mask, only its metrics are kept.

    Parameters
    ----------
    judged
        One for each class of each B-scan, as `judge_model` yields them.
    axial_um, background
        That the masks were judged with.
    """
    tally = _Tally()
    for each in judged:
        tally.add(each)
    reports = [tally.report(c, ranked_by) for c in schema.asked(background=background)]
    classes = tuple(each for each in reports if each.bscans)
    shown = [score for score in tally.scores if not score.counts.absent]
    everything = sum((each.counts for each in reports), PixelCounts())
    return Report(
        bscans=len({score.bscan for score in tally.scores}),
        axial_um=axial_um,
        ranked_by=ranked_by,
        classes=classes,
        nowhere=tuple(each.label for each in reports if not each.bscans),
        pooled=mean_metrics([each.pooled for each in classes]),
        averaged=mean_metrics([each.averaged for each in classes]),
        all_pixels=pixel_metrics(everything, _together(tally.confidence.values())),
        extremes=_extremes(_of_bscans(shown, ranked_by), ranked_by),
        scores=tuple(shown),
        calibration=calibrate(tally.calibrations) if tally.calibrations else None,
    )


def best_first(items: Iterable[T], value: Callable[[T], float], metric: Metric) -> list[T]:
    """Sort by the value of a metric that is never NaN; of equal ones, the first stays first."""
    sign = -1 if metric.higher_is_better else 1
    return sorted(items, key=lambda each: sign * value(each))


class _Tally:
    """Sums while the masks pass by."""

    def __init__(self) -> None:
        self.scores: list[ClassScore] = []
        self.confidence: dict[int, Confidence] = {}
        self.calibrations: list[ObjectCalibration] = []

    def add(self, judged: JudgedMask) -> None:
        self.scores.append(judged.score)
        if judged.calibration is not None:
            self.calibrations.append(judged.calibration)
        if judged.confidence is not None:
            value = judged.score.class_value
            before = self.confidence.get(value)
            known = judged.confidence
            self.confidence[value] = known if before is None else before + known

    def report(self, label: LabelClass, ranked_by: Metric) -> ClassReport:
        scores = [score for score in self.scores if score.class_value == label.value]
        shown = [score for score in scores if not score.counts.absent]
        counts = sum((score.counts for score in scores), PixelCounts())
        return ClassReport(
            label=label,
            bscans=len(shown),
            absent=len(scores) - len(shown),
            missed=sum(score.counts.missed for score in shown),
            counts=counts,
            pooled=pixel_metrics(counts, self.confidence.get(label.value)),
            averaged=mean_metrics([score.metrics for score in shown]),
            extremes=_extremes(_of_bscans(shown, ranked_by), ranked_by),
        )


def _together(confidences: Iterable[Confidence]) -> Confidence | None:
    total: Confidence | None = None
    for each in confidences:
        total = each if total is None else total + each
    return total


def _of_bscans(scores: Sequence[ClassScore], metric: Metric) -> list[Ranked]:
    """Return the mean of a metric over the classes of each B-scan."""
    values: dict[str, list[float]] = defaultdict(list)
    for score in scores:
        values[score.bscan].append(score.metrics[metric.key])
    ranked = (Ranked(name, mean_known(found)) for name, found in values.items())
    return [each for each in ranked if not math.isnan(each.value)]


def _extremes(found: Sequence[Ranked], metric: Metric) -> Extremes:
    order = tuple(best_first(found, lambda each: each.value, metric))
    size = min(_NAMED, max(1, len(order) // 3))
    start = (len(order) - size) // 2
    return Extremes(order[:size], order[start : start + size], order[::-1][:size])
