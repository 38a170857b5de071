"""A B-scan between two that are right."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octsam.core.boundaries import boundaries_of
from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.core.interpolation import between, mask_between, snapped
from napari_octsam.core.labelling import step_probabilities
from napari_octsam.core.tracing import boundary_costs
from tests.core.test_boundaries import LAYERS7, OCT14, flat_layers, one_hot
from tests.core.test_boundary_edits import retina_with_fluid


def disc(row: int, col: int, radius: int) -> np.ndarray:
    rows, cols = np.ogrid[:60, :80]
    return (rows - row) ** 2 + (cols - col) ** 2 <= radius**2


def test_heights_of_layers_go_from_one_to_the_other() -> None:
    first, second = flat_layers(), np.roll(flat_layers(), 8, axis=0)
    for share, shift in ((0.0, 0), (0.25, 2), (0.5, 4), (1.0, 8)):
        assert np.array_equal(between(first, second, share, LAYERS7), np.roll(first, shift, axis=0))


def test_columns_without_layers_in_one_are_left_open() -> None:
    second = flat_layers()
    second[:, 30:40] = 0
    found = between(flat_layers(), second, 0.5, LAYERS7)

    assert (found[:, 30:40] == NOT_LABELLED).all()
    assert np.array_equal(found[:, :30], flat_layers()[:, :30])


def test_a_lesion_grows_and_shrinks_and_stays_in_its_layer() -> None:
    first, second = retina_with_fluid(), retina_with_fluid()
    second[second == 3] = 2
    near, far = (between(first, second, share, OCT14) == 3 for share in (0.2, 0.8))

    assert 0 < near.sum() < (first == 3).sum()
    assert not (near & ~(first == 3)).any()
    assert not far.any()
    assert (
        between(second, first, 0.8, OCT14).tolist() == between(first, second, 0.2, OCT14).tolist()
    )


def test_shapes_are_blended_by_their_distances() -> None:
    found = mask_between(disc(30, 30, 10), disc(30, 40, 14), 0.5)

    cols = np.nonzero(found)[1]
    assert cols.mean() == pytest.approx(35.5, abs=1.5)
    assert disc(30, 30, 10).sum() < found.sum() < disc(30, 40, 14).sum() * 1.1
    assert not mask_between(np.zeros((9, 9), bool), np.zeros((9, 9), bool), 0.5).any()


def test_boundaries_are_snapped_to_what_a_model_sees_nearby() -> None:
    truth = np.roll(flat_layers(), 3, axis=0)
    costs = boundary_costs(step_probabilities(one_hot(truth), LAYERS7))
    expected = boundaries_of(flat_layers(), LAYERS7)

    assert np.array_equal(snapped(expected, costs), boundaries_of(truth, LAYERS7))
    assert np.abs(snapped(expected, costs, within=1) - expected).max() <= 1
    assert np.array_equal(between(flat_layers(), flat_layers(), 0.5, LAYERS7, costs=costs), truth)


def test_regions_alone_are_interpolated_where_a_schema_has_no_layers() -> None:
    fluid = bundled_schema("fluid")
    found = between(
        disc(30, 30, 10).astype(np.uint8), disc(30, 34, 10).astype(np.uint8), 0.5, fluid
    )
    assert np.array_equal(found == 1, mask_between(disc(30, 30, 10), disc(30, 34, 10), 0.5))
