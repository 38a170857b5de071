"""A report as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from napari_octsam.core.classes import LabelClass
from napari_octsam.core.files import replacing
from napari_octsam.evaluation.judging import JudgedMask
from napari_octsam.evaluation.metrics import PIXEL_METRICS, SHAPE_METRICS, Metric
from napari_octsam.evaluation.overlays import around, overlay_png
from napari_octsam.evaluation.report.report import Report
from napari_octsam.evaluation.report.tables import (
    calibration_table,
    extremes_table,
    shown_metrics,
    summary_tables,
)
from napari_octsam.evaluation.report.worst_cases import WorstCases

__all__ = ["write_page"]

_CAPTION = (
    "dice",
    "hd95_px",
    "boundary_error_px",
    "boundary_error_um",
    "betti_matching_error",
    "cl_dice",
)


@dataclass(frozen=True, slots=True)
class _Case:
    """A bad mask as the page shows it: pictures are PNG in base64, by their title."""

    bscan: str
    metrics: str
    pictures: Mapping[str, str]


def write_page(path: Path, report: Report, worst: WorstCases, about: Mapping[str, str]) -> None:
    """Write the page: tables, the B-scans that stand out, and pictures of the worst masks.

    Parameters
    ----------
    about
        What was evaluated, and how, by its heading.
    """
    loader = PackageLoader("napari_octsam.evaluation.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=True,  # names of files and classes are text, whatever they hold
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    metrics = shown_metrics(report, (*PIXEL_METRICS, *SHAPE_METRICS))
    caption = tuple(metric for metric in metrics if metric.key in _CAPTION)
    text = environment.get_template("report.html").render(
        about=about,
        tables=summary_tables(report),
        calibration=report.calibration and calibration_table(report.calibration),
        extremes=extremes_table(report),
        nowhere=report.nowhere,
        classes=[
            (c.label, [_case(judged, c.label, caption) for judged in worst.of(c.label.value)])
            for c in report.classes
        ],
        metrics=metrics,
    )
    with replacing(path) as part:
        part.write_text(text, "utf-8")


def _case(judged: JudgedMask, label: LabelClass, metrics: tuple[Metric, ...]) -> _Case:
    window = around(judged.truth | judged.predicted)
    grey = judged.bscan.image[window]
    masks = {"B-scan": None, "truth": judged.truth[window], "prediction": judged.predicted[window]}
    return _Case(
        bscan=judged.score.bscan,
        metrics=", ".join(
            f"{each.heading} {each.shown(judged.score.metrics[each.key])}" for each in metrics
        ),
        pictures={
            title: base64.b64encode(overlay_png(grey, mask, label.color)).decode()
            for title, mask in masks.items()
        },
    )
