"""What a model may do to labels, in which order, and where boundaries jump."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.automatic import Left, Present, labelled_anew, outward, why_left
from napari_octsam.core.jumps import jump_between, odd_ones


@pytest.mark.parametrize("present", list(Present))
@pytest.mark.parametrize(
    ("state", "has_labels", "why"),
    [
        (BScanState.DONE, True, Left.DONE),
        (BScanState.DONE, False, Left.DONE),  # a person says that nothing is to be labelled
        (BScanState.CORRECTED, True, Left.CORRECTED),
        (BScanState.INTERPOLATED, True, Left.INTERPOLATED),
        (BScanState.UNTOUCHED, True, Left.CHANGED),
        (BScanState.UNTOUCHED, False, None),
        (BScanState.AUTOMATIC, False, None),
    ],
)
def test_what_a_person_did_is_left_alone(
    present: Present, state: BScanState, has_labels: bool, why: Left | None
) -> None:
    assert why_left(state, present, has_labels=has_labels, is_locked=False) == why
    assert why_left(state, present, has_labels=has_labels, is_locked=True) is Left.LOCKED


def test_a_models_labels_are_kept_only_where_that_is_asked_for() -> None:
    def left(present: Present) -> Left | None:
        return why_left(BScanState.AUTOMATIC, present, has_labels=True, is_locked=False)

    assert [left(each) for each in Present] == [Left.LABELLED, None, None]


def test_filling_changes_unlabelled_pixels_alone_and_locked_classes_stay() -> None:
    current = np.array([[0, 255, 3, 4]], np.int32)
    predicted = np.array([[1, 1, 1, 255]], np.uint8)

    anew = labelled_anew(current, predicted)
    assert anew.tolist() == [[1, 1, 1, 255]]
    assert anew.dtype == np.int32
    assert labelled_anew(current, predicted, fill_only=True).tolist() == [[1, 1, 3, 4]]
    assert labelled_anew(current, predicted, locked=[3]).tolist() == [[1, 1, 3, 255]]
    assert labelled_anew(current, predicted, locked=[1]).tolist() == [[0, 255, 3, 255]]


def test_the_shown_bscan_comes_first_then_its_neighbours() -> None:
    volume = [(i,) for i in range(6)]
    assert outward(volume, (3,)) == [(3,), (4,), (2,), (5,), (1,), (0,)]
    assert outward(volume[:2], (5,)) == [(1,), (0,)]
    assert outward([()], ()) == [()]


def test_a_boundary_that_jumps_is_told_from_an_eye_that_moves() -> None:
    rows = np.array([[50.0] * 40, [80.0] * 40, [120.0] * 40], np.float32)
    jumping = rows.copy()
    jumping[1, 10:25] += 20
    assert jump_between(rows, rows + 30) == 0
    assert jump_between(rows, jumping) == pytest.approx(20)
    unseen = np.full_like(rows, np.nan)
    assert np.isnan(jump_between(rows, unseen))
    assert np.isnan(jump_between(rows, rows[:2]))


def test_the_bscan_between_two_jumps_is_the_odd_one() -> None:
    steady = [2.0, 3.0, 2.0, 3.0, 2.0]
    assert odd_ones(np.array([2.0, 20.0, 25.0, 3.0, 2.0])) == {2: 25.0}
    assert odd_ones(np.array([2.0, 3.0, 20.0, 3.0, 2.0])) == {2: 20.0, 3: 20.0}
    assert odd_ones(np.array(steady)) == {}
    assert odd_ones(np.array([np.nan, np.nan])) == {}
    assert odd_ones(np.array([])) == {}
