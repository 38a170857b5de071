"""A boundary is dragged or drawn, traced anew between clicks, and the labels follow it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octsam.core.boundaries import boundaries_of, layers_between, lie_upside_down
from napari_octsam.core.boundary_edits import dragged, drawn, falloff, nearest_boundary
from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.redoing import redone
from napari_octsam.core.redrawing import redrawn
from napari_octsam.core.replacing import replaced
from napari_octsam.core.retracing import costs_from_image, costs_from_probabilities, retraced
from napari_octsam.phantoms.bscan import make_phantom
from tests.core.test_boundaries import LAYERS7, OCT14, flat_layers, one_hot


def flat_boundaries() -> npt.NDArray[np.float32]:
    return boundaries_of(flat_layers(), LAYERS7)


def retina_with_fluid() -> npt.NDArray[np.uint8]:
    """A B-scan of oct14 with a cyst, an artifact and unlabelled pixels in its retina."""
    labels = np.full((60, 80), 12, np.uint8)
    labels[20:40], labels[40:44], labels[44:] = 2, 6, 0
    labels[30:39, 30:40] = 3
    labels[22:24, 10:14] = 10
    return labels


def test_a_drag_moves_what_is_near_and_ends_at_anchors() -> None:
    weights = falloff(80, 40, 10, anchors=[44])

    assert weights[40] == 1
    assert (weights[[30, 44, 45, 60]] == 0).all()
    assert 0 < weights[42] < weights[41] < 1
    moved = dragged(flat_boundaries(), 2, weights, 2.5, 60)
    assert moved[2, 40] == pytest.approx(30.5)
    assert np.array_equal(moved[:, :31], flat_boundaries()[:, :31])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 7), st.floats(-90, 90), st.booleans())
def test_no_drag_ever_swaps_layers_or_leaves_the_picture(
    seed: int, number: int, by: float, giving_way: bool
) -> None:
    rng = np.random.default_rng(seed)
    before = np.sort(rng.integers(0, 61, (8, 30)), axis=0).astype(np.float32)
    after = dragged(before, number, falloff(30, 12, 9), by, 60, giving_way=giving_way)

    assert (np.diff(after, axis=0) >= np.minimum(np.diff(before, axis=0), 1) - 1e-4).all()
    assert after.min() >= 0
    assert after.max() <= 60
    if not giving_way:
        others = np.arange(8) != number
        assert np.array_equal(after[others], before[others])


def test_neighbours_give_way_or_stop_it() -> None:
    weights = falloff(80, 40, 10)
    pushed = dragged(flat_boundaries(), 2, weights, 10, 60)
    stopped = dragged(flat_boundaries(), 2, weights, 10, 60, giving_way=False)

    assert pushed[2:6, 40].tolist() == [38, 39, 40, 41]
    assert stopped[2, 40] == 31
    assert np.array_equal(stopped[3], flat_boundaries()[3])


def test_a_pen_overwrites_the_columns_that_it_passes() -> None:
    after = drawn(flat_boundaries(), 0, [(20, 10), (16, 14), (16, 30), (18, 28)], 60)

    assert after[0, [9, 10, 12, 14, 20, 28, 30, 31]].tolist() == [20, 20, 18, 16, 16, 18, 16, 20]
    assert np.array_equal(after[1:], flat_boundaries()[1:])


def test_the_nearest_boundary_is_told_also_where_several_lie_on_one_another() -> None:
    boundaries = flat_boundaries()
    boundaries[2:4] = 28
    assert nearest_boundary(boundaries, 21.4, 5) == 0
    assert nearest_boundary(boundaries, 26.5, 5) == 2
    assert nearest_boundary(boundaries, 29, 5) == 3
    assert nearest_boundary(boundaries, 5, 5, within=6) is None
    assert nearest_boundary(boundaries, 20, 99) is None


def test_labels_follow_without_gap_and_what_lies_inside_stays() -> None:
    labels = retina_with_fluid()
    before = boundaries_of(labels, OCT14)
    after = before.copy()
    after[0, 5:20] -= 4
    after[1, 28:45] = 36
    after[2, 28:45] = 41
    found = redrawn(labels, before, after, OCT14)

    assert (found[16:20, 5:20] == 2).all()
    assert (found[30:36, 30:40] == 3).all(), "the cyst is no layer that moves"
    assert (found[36:41, 28:45] == 6).all()
    assert (found[41:44, 28:45] == 0).all()
    assert (found[22:24, 10:14] == 10).all()
    assert np.array_equal(boundaries_of(found, OCT14), after)
    assert np.array_equal(redrawn(found, after, before, OCT14)[:, :28], labels[:, :28])


def test_what_is_not_labelled_around_the_layers_stays_so() -> None:
    labels = retina_with_fluid()
    labels[:20], labels[44:] = NOT_LABELLED, NOT_LABELLED
    before = boundaries_of(labels, OCT14)
    found = redrawn(labels, before, before + np.float32([[3], [0], [-2]]), OCT14)

    assert (found[:22] == NOT_LABELLED).all()
    assert (found[42:] == NOT_LABELLED).all()


def test_a_boundary_is_found_again_between_clicks_and_stays_elsewhere() -> None:
    phantom = make_phantom(4, (256, 300), findings=())
    true = boundaries_of(phantom.layers, LAYERS7)
    wrong = drawn(
        true, 3, [(float(true[3, 100]), 100), (200.0, 150), (float(true[3, 199]), 199)], 256
    )
    clicks = [(float(true[3, col]), col) for col in (99, 200)]
    by_names = costs_from_probabilities(one_hot(phantom.layers), LAYERS7, 3)
    found = retraced(wrong, 3, clicks, by_names)

    assert np.abs(found[3] - true[3]).max() <= 1
    assert np.array_equal(found[3, :99], wrong[3, :99])
    edges = costs_from_image(phantom.image, wrong, 0)
    top = drawn(true, 0, [(float(true[0, 100]), 100), (5.0, 150), (float(true[0, 199]), 199)], 256)
    again = retraced(top, 0, [(float(true[0, col]), col) for col in (99, 200)], edges)
    assert np.abs(again[0] - true[0])[99:201].mean() < 2


@pytest.mark.parametrize(
    ("clicks", "fault"),
    [
        ([(28, 10)], "two places or more"),
        ([(28, 10), (30, 90)], "outside the B-scan"),
        ([(28, 10), (40, 12)], "steeper than 3 rows a column"),
    ],
)
def test_clicks_that_cannot_all_be_are_told_in_a_sentence(clicks: Any, fault: str) -> None:
    costs = costs_from_probabilities(one_hot(flat_layers()), LAYERS7, 2)
    with pytest.raises(UserError, match=fault):
        retraced(flat_boundaries(), 2, clicks, costs)


def test_only_what_is_asked_changes_and_nothing_that_is_locked() -> None:
    current = np.array([[1, 2, 3, 0, 255, 3]], np.uint8)
    wanted = np.array([[2, 2, 2, 2, 2, 1]], np.uint8)

    assert replaced(current, wanted).tolist() == wanted.tolist()
    assert replaced(current, wanted, asked=[2]).tolist() == [[1, 2, 3, 2, 2, 3]]
    assert replaced(current, wanted, locked=[3]).tolist() == [[2, 2, 3, 2, 2, 3]]
    assert replaced(current, wanted, locked=[2]).tolist() == [[1, 2, 3, 0, 255, 1]]


def test_labels_that_lie_upside_down_are_told() -> None:
    assert lie_upside_down(flat_layers()[::-1], LAYERS7)
    assert not lie_upside_down(flat_layers(), LAYERS7)
    two = layers_between(np.repeat([[10.0], [20.0], [30.0]], 9, 1), bundled_schema("amd"), 40)
    assert not lie_upside_down(two[::-1], bundled_schema("amd")), "two may be swapped as well"


def test_a_layer_is_redone_larger_or_smaller_and_the_others_give_way() -> None:
    labels, predicted = flat_layers(), flat_layers()
    predicted[32:34, 20:40] = 3
    predicted[28:30, 50:60] = 2
    asked = predicted.copy()
    predicted[34:36, 60:70] = 5  # of another layer
    found = redone(labels, predicted, 3, LAYERS7)

    assert np.array_equal(found, asked)
    assert np.array_equal(redone(found, labels, 3, LAYERS7), labels)


def test_a_lesion_is_redone_within_its_layer() -> None:
    labels, predicted = retina_with_fluid(), retina_with_fluid()
    predicted[predicted == 3] = 2
    predicted[25:28, 50:60] = 3
    predicted[5:8, 50:60] = 3
    found = redone(labels, predicted, 3, OCT14)

    assert (found[25:28, 50:60] == 3).all()
    assert (found == 3).sum() == 30
    assert (found[30:39, 30:40] == 2).all()
