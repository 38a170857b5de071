"""The study of the topology losses: what it compares, and what it says; nothing is trained here."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.topology_study import __main__ as study
from benchmarks.topology_study.outcomes import FIGURES, STUDY_FILE, Outcome, read_outcomes
from benchmarks.topology_study.subjects import Subjects, read_subjects
from benchmarks.topology_study.trials import LOSSES, Trial, study_trials


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three subjects with two B-scans each."""
    folder = tmp_path / "data"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
        for subject in (1, 2, 3):
            for number in (1, 2):
                pixels = np.full((16, 16), subject, np.uint8)
                iio.imwrite(folder / kind / f"s{subject:02}_b{number}.png", pixels)
    return folder


def outcome(trial: Trial, betti: float) -> Outcome:
    layers = {name: dict.fromkeys(FIGURES, betti) for name in ("INL", "OPL")}
    return Outcome(
        trial=trial, learnt_from=(), figures={"box": layers, "point": layers}, seconds=1.0
    )


def test_the_three_losses_of_a_seed_differ_in_nothing_else() -> None:
    runs = [trial for trial in study_trials("fresh decoder") if trial.bscans]
    same = {trial.model_copy(update={"loss": "none", "weight": 0.0}) for trial in runs}
    assert len(runs) == len(LOSSES) * len(same) == 27
    for trial in runs:
        config = trial.config()
        assert config.epochs * trial.bscans == trial.passes
        assert config.topology_warmup_epochs * trial.bscans == trial.warm_up
        assert config.batch_size == 1


def test_the_weights_are_not_chosen_by_the_subject_that_judges(data: Path) -> None:
    def names(subjects: Subjects) -> tuple[set[str], set[str]]:
        parts = (subjects.training, subjects.held_out)
        training, held_out = ({bscan.name[:3] for bscan in part} for part in parts)
        return training, held_out

    assert names(read_subjects(data, tuning=False)) == ({"s01", "s02"}, {"s03"})
    assert names(read_subjects(data, tuning=True)) == ({"s01"}, {"s02"})


def test_a_study_goes_on_where_it_was_stopped(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Trial] = []

    def do_trial(trial: Trial, *_: object) -> Outcome:
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(trial)
        return outcome(trial, 1.0)

    monkeypatch.setattr(study, "do_trial", do_trial)
    command = ["run", str(data), str(tmp_path), "--fresh-decoder"]
    CliRunner().invoke(study.app, command)
    assert [o.trial for o in read_outcomes(tmp_path / STUDY_FILE)] == done
    monkeypatch.setattr(study, "do_trial", lambda trial, *_: outcome(trial, 2.0))
    assert CliRunner().invoke(study.app, command).exit_code == 0
    outcomes = read_outcomes(tmp_path / STUDY_FILE)
    assert [o.trial for o in outcomes] == study_trials("fresh decoder")
    assert [o.figures["box"]["INL"]["dice"] for o in outcomes[4:6]] == [1.0, 2.0]


def test_the_page_compares_within_each_seed_and_leaves_out_what_is_not_done(
    tmp_path: Path,
) -> None:
    errors = {(1, "none"): 4.0, (1, "spatial"): 3.0, (2, "none"): 8.0, (2, "spatial"): 5.0}
    errors[3, "spatial"] = 100.0  # and DiceCE alone is not done yet
    for trial in study_trials("fresh decoder"):
        if trial.bscans == 5 and (trial.seed, trial.loss) in errors:
            error = errors[trial.seed, trial.loss]
            study.append_outcome(tmp_path / STUDY_FILE, outcome(trial, error))
    (tmp_path / "images").mkdir()
    page = tmp_path / "study.md"
    shown = CliRunner().invoke(study.app, ["page", str(tmp_path), str(page)])
    assert shown.exit_code == 0, shown.output
    text = page.read_text("utf-8")
    assert "| 5 | DiceCE alone | 2 | 6.000 (4.000 to 8.000) |" in text
    assert "| 5 | with ours, spatial | -2.000 (-3.000 to -1.000) |" in text
    assert "with the original's |" not in text
    assert (tmp_path / "images" / "topology-study.png").stat().st_size > 0
