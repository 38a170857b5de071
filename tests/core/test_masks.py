"""Masks become labels: threshold, objects over objects, what a commit may overwrite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.decoded import LogitWindow, threshold_logit
from napari_octsam.core.masks import Overlap, composite, merge


def block(row: int, col: int, rows: int, cols: int, logit: float) -> LogitWindow:
    return LogitWindow(row, col, np.full((rows, cols), logit, np.float32))


def test_a_mask_is_what_exceeds_the_threshold() -> None:
    window = LogitWindow(1, 2, np.array([[-1.0, 0.0, 2.0]], np.float32))
    assert np.flatnonzero(window.mask((3, 6))).tolist() == [10]
    assert np.flatnonzero(window.mask((3, 6), threshold=0.2)).tolist() == [8, 9, 10]


@given(st.floats(0.01, 0.99))
def test_the_threshold_is_the_logit_of_a_probability(threshold: float) -> None:
    assert 1 / (1 + np.exp(-float(threshold_logit(threshold)))) == pytest.approx(
        threshold, abs=2e-3
    )


def test_where_layers_meet_the_surer_one_wins_in_any_order() -> None:
    upper, lower = (1, block(0, 0, 4, 10, 1.0)), (2, block(3, 0, 4, 10, 3.0))
    for objects in ([upper, lower], [lower, upper]):
        labels = composite((8, 10), objects)
        assert (labels[:3] == 1).all()
        assert (labels[3:7] == 2).all()
        assert (labels[7] == NOT_LABELLED).all()


def test_a_cyst_is_painted_over_the_retina_around_it_in_any_order() -> None:
    retina, cyst = (2, block(0, 0, 8, 20, 9.0)), (3, block(3, 5, 2, 3, 0.5))
    for objects in ([retina, cyst], [cyst, retina]):
        labels = composite((8, 20), objects)
        assert (labels[3:5, 5:8] == 3).all()
        assert (labels == 3).sum() == 6


def test_background_can_be_predicted_and_empty_objects_do_nothing() -> None:
    labels = composite((4, 4), [(0, block(0, 0, 2, 2, 1.0)), (5, block(2, 2, 1, 1, -1.0))])
    assert (labels[:2, :2] == 0).all()
    assert (labels == NOT_LABELLED).sum() == 12


CURRENT = np.array([[0, NOT_LABELLED, 2, 3]])
PREDICTED = np.array([[6, 6, 6, 6]], np.uint8)


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (Overlap.KEEP, [True, True, False, False]),
        (Overlap.REPLACE, [True, True, True, True]),
        (Overlap.REPLACE_CLASSES, [True, True, False, True]),
    ],
)
def test_the_overlap_policy_says_what_may_change(overlap: Overlap, expected: list[bool]) -> None:
    assert merge(CURRENT, PREDICTED, overlap, replaceable={3}).tolist() == [expected]


def test_what_was_not_predicted_or_is_the_same_never_changes() -> None:
    predicted = np.array([[NOT_LABELLED, 6, 2, NOT_LABELLED]], np.uint8)
    assert merge(CURRENT, predicted, Overlap.REPLACE).tolist() == [[False, True, False, False]]
