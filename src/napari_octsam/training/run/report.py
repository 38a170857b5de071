"""The report on a run's best model, as `octsam evaluate` makes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from napari_octsam.core.classes import LabelClass
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.prompted import judge_model
from napari_octsam.evaluation.prompting import Prompting
from napari_octsam.evaluation.report import (
    About,
    Report,
    WorstCases,
    build_report,
    write_csv,
    write_json,
    write_page,
)
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.training.data import Progress
from napari_octsam.training.embedding_store import EmbeddingStore
from napari_octsam.training.run.prepare import Prepared

__all__ = ["FinalReport", "report_best"]

_PROMPTING = Prompting("box")


class FinalReport(NamedTuple):
    """A report, and the part of the split that it is on: "test" or "validation"."""

    report: Report
    part: str


def report_best(prepared: Prepared, progress: Progress = lambda *_: None) -> FinalReport | None:
    """Judge the best model on the test part, or on the validation part where that shows no class.

    Writes `report.csv`, `report.json` and `report.html` into the run's folder.

    Returns
    -------
    None where neither part shows a class.

    Raises
    ------
    UserError
        There is no best model yet, or a file cannot be written.
    """
    data, folder, config = prepared.data, prepared.folder, prepared.run.config
    parts = {"test": data.test, "validation": data.validation}
    asked = data.schema.asked(background=config.background)
    showing = {name: bscans for name, bscans in parts.items() if _shows_any(bscans, asked)}
    if not showing:
        return None
    part, bscans = next(iter(showing.items()))
    model = load_model(folder.best, device=config.device)
    encode = EmbeddingStore(model, folder.embeddings).embedding
    worst = WorstCases()
    judged = judge_model(
        *(model, _counted(bscans, progress), data.schema, _PROMPTING, config.spacing, encode),
        background=config.background,
    )
    report = build_report(
        worst.watch(judged), data.schema, config.spacing, background=config.background
    )
    about = About(
        model=str(folder.best),
        data=config.data,
        only=f"{part} part",
        schema=data.schema.name,
        prompt=_PROMPTING.in_words(),
        spacing_um=config.spacing,
        pseudocolor=model.header.colors,
    )
    write_csv(folder.path / "report.csv", report)
    write_json(folder.path / "report.json", report, about.record())
    write_page(folder.report, report, worst, about.in_words())
    return FinalReport(report, part)


def _shows_any(bscans: tuple[LabelledBScan, ...], classes: Sequence[LabelClass]) -> bool:
    values = [each.value for each in classes]
    return any(np.isin(bscan.labels, values).any() for bscan in bscans)


def _counted(bscans: tuple[LabelledBScan, ...], progress: Progress) -> Iterator[LabelledBScan]:
    for done, bscan in enumerate(bscans):
        progress("Scoring", done, len(bscans))
        yield bscan
