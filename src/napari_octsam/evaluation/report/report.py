"""A report on many judged masks: per class and overall, pooled over pixels and averaged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import pandas as pd

from napari_octsam.core.classes import LabelClass, LabelSchema
from napari_octsam.evaluation.judging import ClassScore, JudgedMask, pixel_metrics
from napari_octsam.evaluation.metrics import (
    DICE,
    PIXEL_METRICS,
    SHAPE_METRICS,
    Calibration,
    Confidence,
    Metric,
    Metrics,
    ObjectCalibration,
    PixelCounts,
    calibrate,
    mean_known,
)

__all__ = ["COUNTS", "KEYS", "ClassReport", "Extremes", "Ranked", "Report", "build_report"]

COUNTS = ["tp", "fp", "fn", "tn"]
"""Columns of `Report.scores` with the numbers of pixels."""

KEYS = [metric.key for metric in (*PIXEL_METRICS, *SHAPE_METRICS)]
"""Columns of `Report.scores` with the metrics."""

_NAMED = 3


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
    """The metrics of a class that some B-scans show.

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


@dataclass(frozen=True, slots=True, eq=False)
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
        A row for each class on each B-scan where it is not absent, with the columns "bscan",
        "class", `COUNTS` and `KEYS`; NaN where a metric is not defined.
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
    scores: pd.DataFrame
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
    rows: list[dict[str, object]] = []
    confidence: dict[int, Confidence] = defaultdict(Confidence)
    calibrations: list[ObjectCalibration] = []
    for each in judged:
        rows.append(_row(each.score))
        confidence[each.score.class_value] += each.confidence
        if each.calibration is not None:
            calibrations.append(each.calibration)
    table = pd.DataFrame(rows, columns=["bscan", "class", *COUNTS, *KEYS])
    scores = _shown(table)
    asked = schema.asked(background=background)
    found = set(scores["class"])
    classes = tuple(
        _class_report(c, table[table["class"] == c.value], confidence[c.value], ranked_by)
        for c in asked
        if c.value in found
    )
    return Report(
        bscans=table["bscan"].nunique(),
        axial_um=axial_um,
        ranked_by=ranked_by,
        classes=classes,
        nowhere=tuple(c for c in asked if c.value not in found),
        pooled=_means(pd.DataFrame([each.pooled for each in classes])),
        averaged=_means(pd.DataFrame([each.averaged for each in classes])),
        all_pixels=pixel_metrics(_together(table), sum(confidence.values(), Confidence())),
        extremes=_extremes(scores, ranked_by),
        scores=scores,
        calibration=calibrate(calibrations) if calibrations else None,
    )


def _class_report(
    label: LabelClass, table: pd.DataFrame, confidence: Confidence, ranked_by: Metric
) -> ClassReport:
    scores, counts = _shown(table), _together(table)
    return ClassReport(
        label=label,
        bscans=len(scores),
        absent=len(table) - len(scores),
        missed=int((scores["tp"] + scores["fp"] == 0).sum()),
        counts=counts,
        pooled=pixel_metrics(counts, confidence),
        averaged=_means(scores[KEYS]),
        extremes=_extremes(scores, ranked_by),
    )


def _row(score: ClassScore) -> dict[str, object]:
    counts = asdict(score.counts)
    return {"bscan": score.bscan, "class": score.class_value, **counts, **score.metrics}


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows where the class is there or marked."""
    return table[table["tp"] + table["fp"] + table["fn"] > 0]


def _together(table: pd.DataFrame) -> PixelCounts:
    return PixelCounts(*table[COUNTS].sum().astype(int).tolist())


def _means(table: pd.DataFrame) -> Metrics:
    return {str(key): mean_known(values) for key, values in table.items()}


def _extremes(scores: pd.DataFrame, metric: Metric) -> Extremes:
    """Rank the B-scans by the mean of a metric over their classes; equal ones keep their order."""
    means = scores.groupby("bscan", sort=False)[metric.key].agg(mean_known).dropna()
    best_first = means.sort_values(ascending=not metric.higher_is_better, kind="stable")
    order = tuple(Ranked(str(name), value) for name, value in best_first.items())
    size = min(_NAMED, max(1, len(order) // 3))
    start = (len(order) - size) // 2
    return Extremes(order[:size], order[start : start + size], order[::-1][:size])
