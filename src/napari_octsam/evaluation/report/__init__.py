"""Many judged masks as one report: tables, files, a page."""

from napari_octsam.evaluation.report.about import About
from napari_octsam.evaluation.report.page import write_page
from napari_octsam.evaluation.report.records import write_csv, write_json
from napari_octsam.evaluation.report.report import (
    ClassReport,
    Extremes,
    Ranked,
    Report,
    build_report,
)
from napari_octsam.evaluation.report.tables import (
    TextTable,
    calibration_table,
    extremes_table,
    rich_table,
    summary_tables,
)
from napari_octsam.evaluation.report.worst_cases import WorstCases

__all__ = [
    "About",
    "ClassReport",
    "Extremes",
    "Ranked",
    "Report",
    "TextTable",
    "WorstCases",
    "build_report",
    "calibration_table",
    "extremes_table",
    "rich_table",
    "summary_tables",
    "write_csv",
    "write_json",
    "write_page",
]
