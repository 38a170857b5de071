"""A report as tables in the terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_octsam.cli.console import note, out

if TYPE_CHECKING:
    from napari_octsam.evaluation.report import Report

__all__ = ["print_report"]


def print_report(report: Report, title: str) -> None:
    """Print the classes' metrics, the B-scans that stand out, and the classes that none shows."""
    from napari_octsam.evaluation.report import (
        calibration_table,
        extremes_table,
        rich_table,
        summary_tables,
    )

    out.print(title, style="bold", highlight=False)
    for table in summary_tables(report):
        out.print(rich_table(table))
    if report.calibration is not None:
        out.print(rich_table(calibration_table(report.calibration)))
    names = extremes_table(report)
    out.print(rich_table(replace(names, rows=names.rows[:1])))  # each class: in the files
    if report.nowhere:
        note(f"On no B-scan: {', '.join(label.name for label in report.nowhere)}.")
