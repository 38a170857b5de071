"""The history of a viewer: steps that may be refused, and strokes between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
from napari.layers import Labels

from napari_octsam.core.errors import UserError
from napari_octsam.gui.session.undo import History, Step


class Entry(Step):
    """A word in a list; refused while the list is locked."""

    def __init__(self, words: list[str], word: str) -> None:
        super().__init__(f"entry of {word}")
        self._words, self._word = words, word
        words.append(word)

    def take_back(self) -> str:
        self._check()
        self._words.remove(self._word)
        return f"{self._word} is gone."

    def do_again(self) -> str:
        self._check()
        self._words.append(self._word)
        return f"{self._word} is back."

    def _check(self) -> None:
        if "lock" in self._words:
            raise UserError("It is locked.")


@pytest.fixture
def history(qapp: Any) -> History:
    return History()


@pytest.fixture
def told(history: History) -> list[str]:
    """What was done and refused."""
    told: list[str] = []
    history.stepped.connect(lambda step: told.append(step.outcome))
    history.refused.connect(told.append)
    return told


@pytest.fixture
def labels(history: History) -> Labels:
    layer = Labels(np.zeros((8, 8), np.uint8))
    layer.events.paint.connect(lambda event: history.note_stroke(event.source))
    return layer


def stroke(labels: Labels, row: int) -> None:
    with labels.block_history():
        labels.data_setitem((np.array([row]), np.array([0])), np.array([1], np.uint8))


def test_the_actions_undo_and_redo_and_name_the_step(history: History, told: list[str]) -> None:
    words: list[str] = []
    history.push(Entry(words, "one"))
    assert history.undo_action.text() == "Undo entry of one"
    assert not history.redo_action.isEnabled()
    history.undo_action.trigger()
    assert words == []
    assert history.redo_action.text() == "Redo entry of one"
    history.redo_action.trigger()
    assert words == ["one"]
    assert told == ["one is gone.", "one is back."]


def test_a_step_that_is_refused_stays_where_it_is(history: History, told: list[str]) -> None:
    words: list[str] = []
    history.push(Entry(words, "one"))
    words.append("lock")
    history.undo()
    assert words == ["one", "lock"]
    assert history.undo_action.text() == "Undo entry of one"
    words.remove("lock")
    history.undo()
    words.append("lock")
    history.redo()
    assert words == ["lock"]
    assert history.redo_action.text() == "Redo entry of one"
    assert told == ["It is locked.", "one is gone.", "It is locked."]


def test_where_there_is_nothing_to_undo_or_redo_it_is_said(
    history: History, told: list[str]
) -> None:
    history.undo()
    history.redo()
    assert told == ["There is no commit to undo.", "There is no commit to redo."]
    assert not history.undo_latest()
    assert not history.redo_latest()
    assert len(told) == 2


def test_strokes_and_steps_are_undone_in_their_order_beyond_the_limit_of_steps(
    history: History, labels: Labels
) -> None:
    words: list[str] = []
    for row in range(8):
        for number in range(4):
            history.push(Entry(words, f"{row}.{number}"))
        stroke(labels, row)
    assert history.stack.count() == 20
    for row in reversed(range(3, 8)):
        history.undo_latest()
        assert labels.data.sum() == row
        for _ in range(4):
            history.undo_latest()
    assert len(words) == 12
    assert not history.undo_latest()
    while history.redo_latest():
        pass
    assert len(words) == 32
    assert labels.data.all(axis=1).sum() == 0
    assert labels.data.sum() == 8


def test_own_writes_are_no_strokes_but_end_the_redo_of_older_ones(
    history: History, labels: Labels
) -> None:
    stroke(labels, 0)
    history.undo_latest()
    with history.own_writes():
        stroke(labels, 1)
    assert not history.redo_latest()
    assert not history.undo_latest()
    assert labels.data[1, 0] == 1


def test_strokes_on_layers_that_are_gone_are_forgotten(history: History, labels: Labels) -> None:
    stroke(labels, 0)
    history.forget(labels)
    assert not history.undo_latest()
