"""The study's commands; see the package's text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.topology_study.doing import do_trial
from benchmarks.topology_study.outcomes import (
    STUDY_FILE,
    TUNING_FILE,
    append_outcome,
    read_outcomes,
)
from benchmarks.topology_study.page import as_page
from benchmarks.topology_study.picture import draw_study
from benchmarks.topology_study.subjects import read_subjects
from benchmarks.topology_study.trials import Trial, study_trials, tuning_trials
from napari_octsam.core.files import replacing

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Data = Annotated[Path, typer.Argument(help="Labelled B-scans with seven layers, by subject.")]
Out = Annotated[Path, typer.Argument(help="Folder for the outcomes and the embeddings.")]


@app.command()
def tune(data: Data, out: Out) -> None:
    """Try weights of the topology losses, without the subject that the study judges by."""
    _do(tuning_trials(), data, out, TUNING_FILE, tuning=True)


@app.command()
def run(
    data: Data,
    out: Out,
    fresh_decoder: Annotated[
        bool, typer.Option("--fresh-decoder", help="Begin with a random mask decoder.")
    ] = False,
) -> None:
    """Do the study's trials that have not been done yet."""
    trials = study_trials("fresh decoder" if fresh_decoder else "octsam-tiny")
    _do(trials, data, out, STUDY_FILE, tuning=False)


@app.command()
def page(
    out: Out, target: Annotated[Path, typer.Argument(help="Page to write, beside images/.")]
) -> None:
    """Write the outcomes so far as a page of the docs, with a picture."""
    study, tuning = read_outcomes(out / STUDY_FILE), read_outcomes(out / TUNING_FILE)
    picture = target.parent / "images" / "topology-study.png"
    draw_study(study, picture)
    with replacing(target) as part:
        part.write_text(as_page(study, tuning, picture.relative_to(target.parent)), "utf-8")


def _do(trials: Sequence[Trial], data: Path, out: Path, file: str, *, tuning: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    done = [outcome.trial for outcome in read_outcomes(out / file)]
    left = [trial for trial in trials if trial not in done]
    subjects = read_subjects(data, tuning=tuning)
    for number, trial in enumerate(left, start=1):
        started = time.perf_counter()
        outcome = do_trial(trial, subjects, out / "embeddings")
        append_outcome(out / file, outcome)
        seconds = time.perf_counter() - started
        print(f"{number} of {len(left)}: {trial}: {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.topology_study")
