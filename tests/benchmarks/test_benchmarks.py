"""The benchmarks' own sums, words and instruments; nothing is timed here."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks import __main__ as bench
from benchmarks.fresh import FreshProcessFailed, call_fresh
from benchmarks.markdown import as_markdown
from benchmarks.parts import PARTS
from benchmarks.report import Findings, Outcome, Table, Target, outcomes
from benchmarks.results import Results
from benchmarks.samples import box_prompts
from benchmarks.timing import Spread, in_turn, pairwise
from benchmarks.wording import duration, duration_spread, ratio, verdict

FAST = Target(name="ours / theirs", limit=1.15)
SOON = Target(name="opening", limit=0.5, unit="s")


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def contender(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    taken = in_turn({"a": contender("a"), "b": contender("b")}, 2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert taken == {"a": [3.0, 5.0], "b": [4.0, 6.0]}
    assert in_turn({"a": contender("a")}, 1, warm_up=False) == {"a": [7.0]}


def test_a_ratio_is_taken_within_each_round() -> None:
    ours, theirs = [1.0, 10.0, 3.0], [2.0, 20.0, 1.0]  # the machine was slow in round 2
    assert pairwise(ours, theirs) == Spread(median=0.5, low=0.5, high=3.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.00994, "9.9 ms"),
        (0.00996, "10 ms"),
        (0.067, "67 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (8.314, "8.31 s"),
    ],
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_ratios_in_words() -> None:
    assert (ratio(0.0449), ratio(1.15), ratio(21.3)) == ("0.04 x", "1.15 x", "21 x")


def test_a_spread_shows_its_ends_only_where_they_differ() -> None:
    assert duration_spread(Spread.of([0.06, 0.08, 0.07])) == "70 ms (60 ms to 80 ms)"
    assert duration_spread(Spread.of([0.07])) == "70 ms"


def test_a_figure_at_its_limit_meets_the_target_and_one_above_misses_it() -> None:
    at, above = (Outcome(target=FAST, measured=figure) for figure in (1.15, 1.1501))
    assert (at.mark, above.mark) == ("met", "missed")
    assert verdict(above) == ("ours / theirs", "1.15 x", "1.15 x", "missed")


def test_a_failed_part_does_not_take_its_targets_off_the_list() -> None:
    assert [verdict(outcome) for outcome in outcomes((FAST, SOON), None)] == [
        ("ours / theirs", "-", "1.15 x", "not measured"),
        ("opening", "-", "500 ms", "not measured"),
    ]


def test_a_figure_without_a_target_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="typo"):
        outcomes((FAST,), Findings(tables=(), measured={"typo": 1.0}))


def test_markdown_has_every_target_table_warning_and_the_machine() -> None:
    results = Results(machine=[("cores", "2")], warnings=["The machine was busy."])
    results.tables.append(
        Table(title="Encoding", columns=("", "a|b"), rows=(("ours", "1 s"),), notes=("A note.",))
    )
    results.outcomes += outcomes((FAST, SOON), Findings(tables=(), measured={FAST.name: 2.0}))
    page = as_markdown(results)
    for line in (
        "**The machine was busy.**",
        "| ours / theirs | 2.00 x | 1.15 x | missed |",
        "| opening | - | 500 ms | not measured |",
        "## Encoding",
        "|  | a\\|b |",
        "| --- | ---: |",
        "| ours | 1 s |",
        "A note.",
        "| cores | 2 |",
    ):
        assert line in page.splitlines()


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part misses all of its targets, but the decoder's fails."""

    def run_part(name: str, _run: Any) -> Findings:
        if name == "decode":
            raise FreshProcessFailed("what it printed")
        return Findings(tables=(), measured={t.name: 1000.0 for t in PARTS[name].targets})

    monkeypatch.setattr(bench, "run_part", run_part)
    monkeypatch.setattr(bench, "describe_load", str)


@pytest.mark.usefixtures("parts")
def test_misses_and_failures_are_shown_and_written(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    shown = CliRunner().invoke(bench.app, ["--markdown", str(page)])
    assert shown.exit_code == 1
    assert "what it printed" in shown.output
    lines = page.read_text("utf-8").splitlines()
    for name, part in PARTS.items():
        mark = "not measured" if name == "decode" else "missed"
        for target in part.targets:
            assert [line for line in lines if target.name in line and mark in line]


@pytest.mark.usefixtures("parts")
def test_only_the_parts_that_are_asked_for() -> None:
    shown = CliRunner().invoke(bench.app, ["--only", "widgets"])
    assert shown.exit_code == 0
    assert "missed" in shown.output
    assert "SamPredictor" not in shown.output
    assert CliRunner().invoke(bench.app, ["--only", "wigdets"]).exit_code == 2


def test_targets_have_names_of_their_own() -> None:
    names = [target.name for part in PARTS.values() for target in part.targets]
    assert len(set(names)) == len(names)


def test_a_fresh_process_answers_or_says_why_not() -> None:
    (prompt,) = call_fresh(box_prompts, shape=(496, 768), count=1)
    assert prompt["class_value"] == 6
    with pytest.raises(FreshProcessFailed, match="unexpected keyword argument"):
        call_fresh(box_prompts, size=3)


def test_what_runs_in_naparis_process_does_not_import_torch() -> None:
    code = (
        "import sys, benchmarks.fresh, benchmarks.widgets, benchmarks.work_session; "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_clock_counts_both_passes_of_its_kind_of_module_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from benchmarks import module_clock

    now = 0.0

    def work(seconds: float) -> Callable[..., None]:
        def pass_time(*_: object) -> None:
            nonlocal now
            now += seconds

        return pass_time

    class Layer(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            work(10)()
            between = x * 2
            between.register_hook(work(100))
            return between.sin()

    class Loss(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            work(1)()
            between = x * 2
            between.register_hook(work(2))
            return between.sum()

    monkeypatch.setattr(module_clock.time, "perf_counter", lambda: now)
    with module_clock.clocked(Loss) as clock:
        Loss()(Layer()(torch.ones(3, requires_grad=True))[None]).backward()
    assert (clock.seconds, now) == (3, 113)
    Loss()(torch.ones(3, requires_grad=True))
    assert clock.seconds == 3


def test_both_training_loops_get_the_same_prompts() -> None:
    from benchmarks.training_runs import draw_samples, phantoms, settings
    from napari_octsam.core.classes import bundled_schema
    from napari_octsam.training.draws import StepDraws

    draws = StepDraws(phantoms(), bundled_schema("layers7"), settings(2, "none"))
    for epoch in range(2):
        ours = [
            [o.prompt.box for o in drawn.objects] for drawn in draws.drawn(epoch, 0, draws.steps)
        ]
        assert ours == [[o.prompt.box for o in objects] for _, objects in draw_samples(epoch)]


@pytest.mark.usefixtures("qapp")
def test_a_standstill_of_the_event_loop_is_seen_in_its_phase() -> None:
    from benchmarks.work_session import LoopWatch

    watch = LoopWatch()
    over: list[bool] = []
    watch.watch("at rest", lambda: over.append(True), lambda: bool(over))
    over.clear()
    watch.watch("at work", lambda: (time.sleep(0.2), over.append(True)), lambda: bool(over))
    assert set(watch.gaps) == {"at rest", "at work"}
    assert max(watch.gaps["at work"]) >= 0.2
