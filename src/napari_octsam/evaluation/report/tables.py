"""A report as tables of text, for the terminal and for a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from napari_octsam.core.classes import LabelClass
from napari_octsam.evaluation.metrics import (
    DICE,
    MICROMETRES,
    PIXEL_METRICS,
    SHAPE_METRICS,
    THRESHOLDS,
    Calibration,
    Metric,
    Metrics,
)
from napari_octsam.evaluation.report.report import Ranked, Report

__all__ = [
    "TextTable",
    "calibration_table",
    "extremes_table",
    "rich_table",
    "shown_metrics",
    "summary_tables",
]

_CLASSES_MEAN = "class mean"


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of text.

    Parameters
    ----------
    title
        What it shows.
    headings
        Of the columns; the first one names the row.
    rows
        As many texts each as there are headings.
    totals
        How many of the last rows sum up the others.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: int = 0


def shown_metrics(report: Report, metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Leave out what stands in another column already, or cannot be known: F1, and µm."""
    known = report.axial_um is not None
    return tuple(f for f in metrics if f.key != "f1" and (known or f is not MICROMETRES))


def summary_tables(report: Report) -> tuple[TextTable, ...]:
    """Return the metrics of each class: pooled over pixels, and averaged over B-scans."""
    pixels = shown_metrics(report, PIXEL_METRICS)
    return (
        _pooled(report, pixels),
        _averaged("Averaged over B-scans", report, pixels),
        _averaged(
            "Boundaries and topology, averaged over B-scans",
            report,
            shown_metrics(report, SHAPE_METRICS),
        ),
    )


def calibration_table(found: Calibration) -> TextTable:
    """Return how far the predicted IoU can be trusted, and masks at other thresholds than 0.5."""
    rows = [
        ("rank correlation of predicted and actual IoU", found.rank_correlation),
        ("the same within the candidates of a prompt", found.rank_within),
        ("mean error of the predicted IoU", found.iou_error),
        ("IoU of the candidate ranked first", found.ranked_first),
        ("IoU of the best candidate", found.best),
        *((f"Dice at the threshold {t}", d) for t, d in zip(THRESHOLDS, found.dice, strict=True)),
    ]
    shown = tuple((name, DICE.shown(value)) for name, value in rows if not math.isnan(value))
    return TextTable("The model's own judgement", ("", "value"), shown)


def extremes_table(report: Report) -> TextTable:
    """Return the best, middle and worst B-scans by name: for all classes first, then for each."""
    found = [("all", report.extremes)]
    found += [(_named(each.label), each.extremes) for each in report.classes]
    rows = [
        (name, *(_names(each, report.ranked_by) for each in (e.best, e.middle, e.worst)))
        for name, e in found
    ]
    title = f"Best, middle and worst B-scans by {report.ranked_by.heading}"
    return TextTable(title, ("Class", "Best", "Middle", "Worst"), tuple(rows))


def rich_table(table: TextTable) -> Table:
    """Return a table for the terminal."""
    shown = Table(title=table.title, title_justify="left", box=SIMPLE_HEAD, collapse_padding=True)
    numbers = table.totals > 0
    for number, heading in enumerate(table.headings):
        shown.add_column(Text(heading), justify="right" if numbers and number else "left")
    first_total = len(table.rows) - table.totals
    for number, row in enumerate(table.rows):
        if numbers and number == first_total:
            shown.add_section()
        shown.add_row(*map(Text, row), style="bold" if number >= first_total else None)
    return shown


def _pooled(report: Report, metrics: Sequence[Metric]) -> TextTable:
    rows = [
        (
            _named(each.label),
            *(str(number) for number in (each.bscans, each.absent, each.missed)),
            *_cells(each.pooled, metrics),
        )
        for each in report.classes
    ]
    rows += [
        (_CLASSES_MEAN, "", "", "", *_cells(report.pooled, metrics)),
        ("all pixels", "", "", "", *_cells(report.all_pixels, metrics)),
    ]
    headings = ("Class", "B-scans", "absent", "missed", *(f.heading for f in metrics))
    return TextTable("Pooled over pixels; Dice is F1", headings, tuple(rows), totals=2)


def _averaged(title: str, report: Report, metrics: Sequence[Metric]) -> TextTable:
    rows = [(_named(each.label), *_cells(each.averaged, metrics)) for each in report.classes]
    rows.append((_CLASSES_MEAN, *_cells(report.averaged, metrics)))
    return TextTable(title, ("Class", *(f.heading for f in metrics)), tuple(rows), totals=1)


def _named(label: LabelClass) -> str:
    return f"{label.value} {label.short}"


def _cells(values: Metrics, metrics: Sequence[Metric]) -> tuple[str, ...]:
    return tuple(metric.shown(values[metric.key]) for metric in metrics)


def _names(ranked: Sequence[Ranked], metric: Metric) -> str:
    return "\n".join(f"{each.bscan} {metric.shown(each.value)}" for each in ranked)
