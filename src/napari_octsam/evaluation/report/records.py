"""A report as files for other programs: CSV and JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from napari_octsam.core import files
from napari_octsam.evaluation.metrics import THRESHOLDS, Calibration
from napari_octsam.evaluation.report.report import (
    COUNTS,
    KEYS,
    ClassReport,
    Extremes,
    Ranked,
    Report,
)

__all__ = ["write_csv", "write_json"]


def write_csv(path: Path, report: Report) -> None:
    """Write one row for each class on each B-scan, then the averaged and the pooled ones.

    The column `row` says which it is: "B-scan", "averaged" or "pooled". What is not defined stays
    empty. The class of the rows on all classes is empty too.
    """
    names = {each.label.value: each.label.name for each in report.classes}
    scores = report.scores.assign(row="B-scan", name=report.scores["class"].map(names))
    rows = pd.concat([scores, pd.DataFrame(_summaries(report))])
    whole = dict.fromkeys(["class", *COUNTS], "Int64")  # no decimals where some are missing
    columns = ["row", "bscan", "class", "name", *COUNTS, *KEYS]
    with files.replacing(path) as part:
        rows.astype(whole).to_csv(part, columns=columns, index=False, lineterminator="\r\n")


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
        "scores": report.scores.to_dict("records"),
    }
    files.write_json(path, _plain(content))


def _summaries(report: Report) -> Iterator[dict[str, object]]:
    for each in report.classes:
        named = {"row": "averaged", "class": each.label.value, "name": each.label.name}
        yield {**named, **each.averaged}
    yield {"row": "averaged", "name": "mean of classes", **report.averaged}
    for each in report.classes:
        named = {"row": "pooled", "class": each.label.value, "name": each.label.name}
        yield {**named, **asdict(each.counts), **each.pooled}
    yield {"row": "pooled", "name": "mean of classes", **report.pooled}
    yield {"row": "pooled", "name": "all pixels", **report.all_pixels}


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
    return None if isinstance(content, float) and math.isnan(content) else content
