"""What prompting does on each event, without Qt, napari or an engine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, cast

import pytest

from napari_octsam.gui.prompting.machine import (
    Answered,
    Ask,
    Chosen,
    Do,
    Effect,
    Event,
    Failed,
    LiveSwitched,
    NothingToAsk,
    Phase,
    Say,
    State,
    Tell,
    ThresholdSet,
    react,
)

FIRST, SECOND = cast("Any", "the first prediction"), cast("Any", "the second")
EMPTY = State()
WAITING = State(Phase.WAITING)
ASKED = State(Phase.ASKED)
SHOWN = State(Phase.SHOWN, FIRST)
LOST = Tell("Nothing was committed: the prediction was not there yet.")


def run(state: State, *events: Any) -> tuple[State, list[Effect]]:
    """The state after some events, and all that was to be done."""
    done: list[Effect] = []
    for event in events:
        state, effects = react(state, event)
        done += effects
    return state, done


def unlive(state: State) -> State:
    return replace(state, live=False)


def test_a_drawn_box_is_asked_about_once_the_hand_rests_and_then_shown() -> None:
    state, done = run(EMPTY, Event.EDITED, Event.EDITED)
    assert state == WAITING
    assert done == [Do.EXPIRE, Do.CANCEL, Do.START_TIMER] * 2

    state, done = run(state, Event.RESTED)
    assert (state, done) == (ASKED, [Ask(Event.RESTED)])

    state, done = run(state, Answered(FIRST))
    assert (state, done) == (SHOWN, [Do.SHOW])


def test_the_last_prediction_stays_while_the_next_is_on_its_way() -> None:
    state, done = run(SHOWN, Event.EDITED, Event.RESTED)
    assert state == replace(ASKED, predicted=FIRST)
    assert Do.CLEAR not in done
    assert run(state, Answered(SECOND))[0] == replace(SHOWN, predicted=SECOND)


@pytest.mark.parametrize("state", [EMPTY, ASKED, SHOWN])
def test_a_timer_that_runs_out_late_does_nothing(state: State) -> None:
    assert run(state, Event.RESTED) == (state, [])


@pytest.mark.parametrize("state", [EMPTY, WAITING, SHOWN])
def test_an_answer_that_nobody_waits_for_does_nothing(state: State) -> None:
    assert run(state, Answered(SECOND)) == (state, [])


def test_what_is_shown_is_committed_at_once() -> None:
    assert run(SHOWN, Event.COMMIT) == (SHOWN, [Do.WRITE])


@pytest.mark.parametrize("before", [EMPTY, WAITING, replace(WAITING, predicted=FIRST)])
def test_a_commit_waits_for_the_prediction_that_is_not_there_yet(before: State) -> None:
    state, done = run(before, Event.COMMIT)
    assert state == replace(before, phase=Phase.ASKED, commits=True)
    assert done == [Ask(Event.COMMIT)]

    state, done = run(state, Answered(SECOND))
    assert state == replace(SHOWN, predicted=SECOND)
    assert done == [Do.SHOW, Do.WRITE]


def test_a_commit_of_what_is_on_its_way_asks_no_second_time() -> None:
    assert run(ASKED, Event.COMMIT) == (replace(ASKED, commits=True), [])


def test_a_commit_that_waits_takes_in_another_edit() -> None:
    state, _ = run(WAITING, Event.COMMIT, Event.EDITED, Event.RESTED)
    assert state == replace(ASKED, commits=True)


@pytest.mark.parametrize(
    "event",
    [Event.MOVED, Event.CANCELLED, Event.SCHEMA_CHANGED, Failed("The engine was killed.")],
)
def test_a_commit_that_is_in_vain_is_told_of(event: Any) -> None:
    state, done = run(replace(ASKED, commits=True), event)
    assert state == EMPTY
    assert Do.CANCEL in done
    assert LOST in done


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ("", "There is nothing to commit: draw a box or a point first."),
        ("There is no image.", "Nothing was committed."),
    ],
)
def test_where_there_is_nothing_to_commit_it_is_said(problem: str, sentence: str) -> None:
    state, done = run(EMPTY, Event.COMMIT, NothingToAsk(Event.COMMIT, problem))
    assert state == EMPTY
    assert done == [Ask(Event.COMMIT), Do.CANCEL, Tell(sentence)]


def test_where_there_is_nothing_to_predict_it_is_said_unless_a_problem_is_told() -> None:
    nothing = Tell("There is nothing to predict: draw a box or a point first.")
    state, done = run(EMPTY, Event.PREDICT, NothingToAsk(Event.PREDICT))
    assert (state, done) == (EMPTY, [Do.EXPIRE, Ask(Event.PREDICT), Do.CANCEL, nothing])
    _, done = run(EMPTY, Event.PREDICT, NothingToAsk(Event.PREDICT, "There is no image."))
    assert nothing not in done


def test_the_last_prompt_deleted_takes_the_preview_away() -> None:
    state, done = run(SHOWN, Event.EDITED, Event.RESTED, NothingToAsk(Event.RESTED))
    assert state == EMPTY
    assert done[-2:] == [Do.CANCEL, Do.CLEAR]


def test_another_bscan_drops_everything_and_is_asked_about_when_it_stays() -> None:
    state, done = run(SHOWN, Event.MOVED)
    assert (state, done) == (EMPTY, [Do.EXPIRE, Say(""), Do.CANCEL, Do.CLEAR])
    assert run(state, Event.SETTLED) == (ASKED, [Ask(Event.SETTLED)])


@pytest.mark.parametrize("state", [WAITING, ASKED, SHOWN])
def test_prompts_that_are_seen_to_already_are_not_asked_about_again(state: State) -> None:
    assert run(state, Event.SETTLED) == (state, [])


def test_without_live_preview_an_edit_takes_the_preview_away_and_offers_the_next() -> None:
    state, done = run(unlive(SHOWN), Event.EDITED)
    assert state == unlive(EMPTY)
    assert done == [Do.EXPIRE, Do.CANCEL, Do.CLEAR, Do.OFFER]
    assert run(state, Event.SETTLED) == (state, [Do.OFFER])
    assert run(state, Event.PREDICT)[0] == unlive(ASKED)


def test_live_preview_that_is_switched_starts_anew() -> None:
    state, done = run(SHOWN, LiveSwitched(False))
    assert state == unlive(EMPTY)
    assert Do.CLEAR in done
    assert run(state, LiveSwitched(True), Event.SETTLED)[0] == ASKED


def test_what_is_written_is_previewed_no_more() -> None:
    """The prompts are taken away meanwhile, which is an edit."""
    state, done = run(SHOWN, Event.COMMIT, Event.EDITED, Event.WRITTEN)
    assert (state, done[-1]) == (WAITING, Do.CLEAR)
    state, done = run(unlive(SHOWN), Event.COMMIT, Event.EDITED, Event.WRITTEN)
    assert state == unlive(EMPTY)
    assert done.count(Do.CLEAR) == 1


def test_another_model_predicts_anew_unless_it_is_asked_already() -> None:
    assert run(ASKED, Event.MODEL_CHANGED) == (ASKED, [])
    assert run(SHOWN, Event.MODEL_CHANGED, Event.SETTLED)[0] == ASKED


def test_a_failure_is_told_until_the_next_question() -> None:
    state, done = run(replace(ASKED, predicted=FIRST), Failed("Memory ran out."))
    assert state == EMPTY
    assert done == [Do.CANCEL, Do.CLEAR, Say("Memory ran out.")]


def test_another_candidate_or_threshold_is_shown_without_asking() -> None:
    assert run(SHOWN, Chosen(SECOND)) == (replace(SHOWN, predicted=SECOND), [Do.SHOW])
    state, done = run(SHOWN, ThresholdSet(0.7))
    assert (state, done) == (replace(SHOWN, threshold=0.7), [Do.EXPIRE, Do.SHOW])
    assert run(state, ThresholdSet(0.7)) == (state, [])


@pytest.mark.parametrize("state", [EMPTY, WAITING, ASKED])
def test_a_candidate_is_chosen_of_what_is_shown_only(state: State) -> None:
    assert run(state, Chosen(SECOND)) == (state, [])


@pytest.mark.parametrize("event", [*Event, Answered(SECOND), Failed("late"), LiveSwitched(False)])
def test_once_closed_nothing_happens_any_more(event: Any) -> None:
    closed, done = run(ASKED, Event.CLOSED)
    assert done == [Do.CANCEL]
    assert run(closed, event) == (closed, [])


@pytest.mark.parametrize("state", [EMPTY, WAITING, ASKED, SHOWN])
@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("event", [e for e in Event if e is not Event.CLOSED])
def test_a_prediction_is_there_wherever_one_is_shown(
    state: State, live: bool, event: Event
) -> None:
    after, done = run(replace(state, live=live), event)
    assert (after.phase is Phase.SHOWN) <= (after.predicted is not None)
    assert (after.predicted is None and state.predicted is not None) == (Do.CLEAR in done)
    assert all(effect is done[-1] for effect in done if effect is Do.WRITE or type(effect) is Ask)


def test_the_machine_imports_neither_qt_nor_napari() -> None:
    code = """
import sys
from napari_octsam.gui.prompting import machine
sys.exit(any(name.split(".")[0] in ("napari", "qtpy", "superqt", "torch") for name in sys.modules))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
