"""The study's commands; see the package's text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.learning_curve.doing import do_trial, two_cores
from benchmarks.learning_curve.outcomes import add_outcome, read_outcomes
from benchmarks.learning_curve.page import as_page
from benchmarks.learning_curve.picture import draw_curves
from benchmarks.learning_curve.trials import study_trials
from napari_octsam.core.files import replacing

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Out = Annotated[Path, typer.Argument(help="Folder for the outcomes.")]


@app.command()
def run(
    data: Annotated[Path, typer.Argument(help="Folder with amd_volume, octrima and lesions.")],
    out: Out,
    most: Annotated[int | None, typer.Option(help="Trials to do now; none: all.")] = None,
) -> None:
    """Do the trials that have not been done yet, one seed after the other."""
    done = [outcome.trial for outcome in read_outcomes(out)]
    left = [trial for trial in study_trials() if trial not in done][:most]
    for number, trial in enumerate(left, start=1):
        begun = two_cores()
        outcome = do_trial(trial, data)
        add_outcome(out, outcome)
        took = f"{two_cores() - begun:.0f} s of two cores"
        print(f"{number} of {len(left)}: {trial}: {outcome.figures}: {took}", flush=True)


@app.command()
def page(
    out: Out, target: Annotated[Path, typer.Argument(help="Page to write, beside images/.")]
) -> None:
    """Write the outcomes so far as a page of the docs, with a picture."""
    outcomes = read_outcomes(out)
    picture = target.parent / "images" / "learning-study.png"
    draw_curves(outcomes, picture)
    with replacing(target) as part:
        part.write_text(as_page(outcomes, picture.relative_to(target.parent)), "utf-8")


if __name__ == "__main__":
    app(prog_name="python -m benchmarks.learning_curve")
