"""A report as files for other programs: CSV and JSON."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_octsam.core.files import replacing
from napari_octsam.evaluation.metrics import (
    PIXEL_METRICS,
    SHAPE_METRICS,
    THRESHOLDS,
    Calibration,
    Metrics,
    PixelCounts,
)
from napari_octsam.evaluation.report.report import ClassReport, Extremes, Ranked, Report

__all__ = ["write_csv", "write_json"]

_COUNTS = ("tp", "fp", "fn", "tn")
_COLUMNS = ("row", "bscan", "class", "name", *_COUNTS)


def write_csv(path: Path, report: Report) -> None:
    """Write one row for each class on each B-scan, then the averaged and the pooled ones.

    The column `row` says which it is: "B-scan", "averaged" or "pooled". What is not defined stays
    empty. The class of the rows on all classes is empty too.
    """
    keys = [metric.key for metric in (*PIXEL_METRICS, *SHAPE_METRICS)]
    with (
        replacing(path) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, [*_COLUMNS, *keys], restval="")
        writer.writeheader()
        for row in _rows(report):
            writer.writerow({key: "" if _unknown(value) else value for key, value in row.items()})


def write_json(path: Path, report: Report, about: Mapping[str, object]) -> None:
    """Write everything; what is not defined is null.

    Parameters
    ----------
    about
        What was evaluated, and how.
    """
    content = {
        "about": about,
        "bscans": report.bscans,
        "overall": {
            "pooled": report.pooled,
            "averaged": report.averaged,
            "all_pixels": report.all_pixels,
            **_named(report.extremes),
        },
        "calibration": _calibration(report.calibration),
        "classes": [_class(each) for each in report.classes],
        "scores": [
            {
                "bscan": score.bscan,
                "class": score.class_value,
                **asdict(score.counts),
                **score.metrics,
            }
            for score in report.scores
        ],
    }
    text = json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)
    with replacing(path) as part:
        part.write_text(text, "utf-8")


def _rows(report: Report) -> Iterator[dict[str, object]]:
    names = {each.label.value: each.label.name for each in report.classes}
    for score in report.scores:
        name = names[score.class_value]
        yield _row("B-scan", score.class_value, name, score.metrics, score.counts, score.bscan)
    for each in report.classes:
        yield _row("averaged", each.label.value, each.label.name, each.averaged)
    yield _row("averaged", "", "mean of classes", report.averaged)
    for each in report.classes:
        yield _row("pooled", each.label.value, each.label.name, each.pooled, each.counts)
    yield _row("pooled", "", "mean of classes", report.pooled)
    yield _row("pooled", "", "all pixels", report.all_pixels)


def _row(
    kind: str,
    value: int | str,
    name: str,
    metrics: Metrics,
    counts: PixelCounts | None = None,
    bscan: str = "",
) -> dict[str, object]:
    known = {} if counts is None else asdict(counts)
    return {"row": kind, "bscan": bscan, "class": value, "name": name, **known, **metrics}


def _calibration(found: Calibration | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {**asdict(found), "dice": dict(zip(map(str, THRESHOLDS), found.dice, strict=True))}


def _class(each: ClassReport) -> dict[str, object]:
    return {
        "class": each.label.value,
        "name": each.label.name,
        "bscans": each.bscans,
        "absent": each.absent,
        "missed": each.missed,
        "pooled": {**asdict(each.counts), **each.pooled},
        "averaged": each.averaged,
        **_named(each.extremes),
    }


def _named(extremes: Extremes) -> dict[str, object]:
    def names(ranked: Sequence[Ranked]) -> list[dict[str, object]]:
        return [each._asdict() for each in ranked]

    return {
        "best": names(extremes.best),
        "middle": names(extremes.middle),
        "worst": names(extremes.worst),
    }


def _plain(content: Any) -> Any:
    """Replace NaN by None, which JSON has."""
    if isinstance(content, Mapping):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return None if _unknown(content) else content


def _unknown(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
