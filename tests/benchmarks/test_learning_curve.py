"""The study of learning: what it compares, and what it writes; nothing learns here."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.learning_curve import __main__ as study
from benchmarks.learning_curve.comparing import difference
from benchmarks.learning_curve.eyes import ground_of
from benchmarks.learning_curve.outcomes import FIGURES, WAYS, Outcome, add_outcome, read_outcomes
from benchmarks.learning_curve.trials import LOSSES, SEEDS, Trial, study_trials


def outcome(trial: Trial, dice: float = 0.5) -> Outcome:
    figures = {way: dict.fromkeys(FIGURES, dice) for way in WAYS}
    return Outcome(trial=trial, steps=44, figures=figures, healthy=0.9)


def write_bscans(folder: Path, names: list[str], value: int, unmasked: int = 0) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
        for number, name in enumerate(names):
            pixels = np.full((16, 16), value if kind == "masks" else number, np.uint8)
            iio.imwrite(folder / kind / f"{name}.png", pixels)
    for number in range(unmasked):
        iio.imwrite(folder / "images" / f"unmasked_{number}.png", np.zeros((16, 16), np.uint8))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    write_bscans(folder / "amd_volume", [f"b{number:03}" for number in range(30)], 1, unmasked=3)
    write_bscans(folder / "octrima", [f"s0{s}_{b}" for s in range(1, 7) for b in range(4)], 7)
    write_bscans(folder / "lesions", [f"{p}_DRUSEN_1" for p in range(1000, 1030)], 3)
    return folder


def test_all_trials_of_the_first_seed_come_first_and_differ_in_one_thing() -> None:
    trials = study_trials()
    assert len(set(trials)) == len(trials)
    assert [trial.seed for trial in trials] == sorted(trial.seed for trial in trials)
    fixed = [trial for trial in trials if trial.way == "fixed steps"]
    assert len(fixed) == 6 * len(LOSSES) * SEEDS
    assert {trial.config().steps for trial in fixed} == {44}
    prior = next(trial for trial in fixed if trial.loss == "prior").config()
    assert (prior.topology, prior.topology_prior) == ("none", 0.1)
    users = next(trial for trial in trials if trial.way == "everything").config()
    assert users.model_dump(exclude={"minutes"}) == type(users)().model_dump(exclude={"minutes"})


@pytest.mark.parametrize(("eyes", "count"), [("amd_volume", 10), ("octrima", 20), ("drusen", 10)])
def test_what_judges_is_never_learnt_from(data: Path, eyes: str, count: int) -> None:
    grounds = [
        ground_of(Trial.model_validate({"eyes": eyes, "bscans": count, "seed": seed}), data)
        for seed in range(3)
    ]
    for ground in grounds:
        learnt, judging = ({b.name for b in part} for part in (ground.training, ground.judging))
        assert len(learnt) == count
        assert judging
        assert not learnt & judging
        if eyes == "drusen":
            assert {name[3] for name in judging} == {"0", "5"}
            assert not {name[3] for name in learnt} & {"0", "5"}
    assert len({tuple(b.name for b in g.training) for g in grounds}) > 1
    if eyes == "amd_volume":
        assert len(grounds[0].unlabelled) == 3


def test_a_study_goes_on_where_it_was_stopped_even_in_the_middle_of_a_line(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Trial] = []

    def do(trial: Trial, _: Path) -> Outcome:
        done.append(trial)
        return outcome(trial)

    monkeypatch.setattr(study, "do_trial", do)
    out = tmp_path / "out"
    for _ in range(2):
        told = CliRunner().invoke(study.app, ["run", str(data), str(out), "--most", "2"])
        assert told.exit_code == 0, told.output
    assert done == study_trials()[:4]
    with (out / "trials.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"trial": {"eyes": "am')
    assert [each.trial for each in read_outcomes(out)] == done
    add_outcome(out, outcome(study_trials()[4]))
    assert [each.trial for each in read_outcomes(out)] == study_trials()[:5]


def test_losses_are_compared_within_each_seed() -> None:
    base = [outcome(Trial(eyes="octrima", seed=seed), seed / 10) for seed in range(4)]
    ours = [
        outcome(Trial(eyes="octrima", seed=seed), seed / 10 + more)
        for seed, more in enumerate((0.02, 0.03, 0.02, 0.03))
    ]
    found = difference(ours, base, "box", "dice")
    assert found is not None
    assert found.mean == pytest.approx(0.025)
    assert found.seeds == 4
    assert found.probability is not None
    assert found.probability < 0.01
    assert found.text(3) == "+0.025 (4, p = 0.00)"
    few = difference(ours[:2], base, "box", "dice")
    assert few is not None
    assert few.probability is None
    assert difference(ours, [], "box", "dice") is None


def test_the_page_has_what_was_done_with_a_picture(tmp_path: Path) -> None:
    out, target = tmp_path / "out", tmp_path / "docs" / "study.md"
    target.parent.mkdir()
    trials = [trial for trial in study_trials() if trial.seed < 3]
    for trial in trials:
        add_outcome(out, outcome(trial, 0.5 + trial.seed / 100))
    told = CliRunner().invoke(study.app, ["page", str(out), str(target)])
    assert told.exit_code == 0, told.output
    text = target.read_text("utf-8")
    assert "| 5 | everything | 3 | 44 | 0.510 (0.500 to 0.520) |" in text
    assert "| 120 | 3 | 44 |" in text
    assert "| 20 | with the prior | +0.000 (3) |" in text
    assert iio.imread(target.parent / "images" / "learning-study.png").ndim == 3
