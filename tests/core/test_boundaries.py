"""Layers as ordered boundaries: to labels and back, and traced through probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_octsam.core.boundaries import STEEPEST, boundaries_of, layers_between
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema, bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.labelling import label_layers, label_plainly
from napari_octsam.core.tracing import Anchor, boundary_costs, sureness, trace
from napari_octsam.phantoms.bscan import make_phantom
from napari_octsam.topology.metrics import betti_error, betti_numbers

LAYERS7 = bundled_schema("layers7")
OCT14 = bundled_schema("oct14")


def one_hot(labels: npt.NDArray[Any], schema: LabelSchema = LAYERS7) -> npt.NDArray[np.float32]:
    """Return the probabilities (W, classes, H) of a model that is sure of labels."""
    values = np.array([c.value for c in schema.classes])
    return (labels.T[:, None] == values[:, None]).astype(np.float32)


def flat_layers(shape: tuple[int, int] = (60, 80)) -> npt.NDArray[np.uint8]:
    """Return seven layers of four rows each, from row 20 on."""
    rows = np.full((8, shape[1]), 20.0) + 4 * np.arange(8)[:, None]
    return layers_between(rows, LAYERS7, shape[0])


@st.composite
def noise(draw: st.DrawFn) -> npt.NDArray[np.float32]:
    """Probabilities (W, classes, H) that say nothing sensible."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 40)), 8, draw(st.integers(8, 40))
    wild = rng.random(shape, np.float32) ** draw(st.sampled_from([1, 8, 40]))
    return wild / wild.sum(axis=1, keepdims=True)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_boundaries_and_labels_say_the_same(seed: int, cols: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.integers(0, 31, (8, cols)), axis=0).astype(np.float32)
    rows[:, rows[0] == rows[-1]] = np.nan
    labels = layers_between(rows, LAYERS7, 30)

    assert np.array_equal(boundaries_of(labels, LAYERS7), rows, equal_nan=True)
    assert np.array_equal(layers_between(boundaries_of(labels, LAYERS7), LAYERS7, 30), labels)


def test_what_lies_in_a_layer_is_of_it_and_layers_out_of_order_have_no_boundaries() -> None:
    column = np.array([12, 8, 12, 1, 2, 3, 2, 4, 6, 6, 7, 0], np.uint8)
    found = boundaries_of(np.stack([column, column[::-1]], axis=1), OCT14)

    assert found[:, 0].tolist() == [3, 8, 10]
    assert np.isnan(found[:, 1]).all()


@settings(deadline=None, max_examples=40)
@given(noise())
def test_layers_are_in_order_and_in_one_piece_whatever_the_model_says(
    probabilities: npt.NDArray[np.float32],
) -> None:
    rows = trace(boundary_costs(np.concatenate([probabilities, probabilities[:, :1]], axis=1)))
    labels = layers_between(rows.astype(float), LAYERS7, probabilities.shape[2])

    assert (np.diff(rows, axis=0) > 0).all()
    assert np.abs(np.diff(rows, axis=1)).max(initial=0) <= STEEPEST
    for layer in LAYERS7.layers:
        for connectivity in (4, 8):
            assert tuple(betti_numbers(labels == layer.value, connectivity)) == (1, 0)


def test_layers_in_every_column_have_the_truths_topology_where_names_are_broken() -> None:
    truth = flat_layers()
    names = truth.copy()
    names[22:46, 30:34] = 0
    names[26:29, 50:60] = 7
    names[5, 5] = 4
    found = label_layers(one_hot(names), LAYERS7).labels

    plain = label_plainly(one_hot(names), LAYERS7).labels
    for layer in LAYERS7.layers:
        mask, true_mask = found == layer.value, truth == layer.value
        assert sum(betti_error(mask, true_mask)) == 0
    assert sum(sum(betti_error(plain == v.value, truth == v.value)) for v in LAYERS7.layers) > 0
    assert (found == truth).mean() > 0.99


def test_sure_and_sound_names_are_kept_to_the_pixel() -> None:
    truth = make_phantom(3, (256, 300), findings=()).layers
    found = label_layers(one_hot(truth), LAYERS7)

    assert (found.labels == truth).mean() > 0.995
    assert np.nanmin(found.boundary_confidence) > 0.9
    assert np.array_equal(boundaries_of(found.labels, LAYERS7), found.boundaries)


def test_a_boundary_goes_through_its_anchors_and_the_others_give_way() -> None:
    costs = boundary_costs(
        np.concatenate([one_hot(flat_layers()), one_hot(flat_layers())[:, :1]], 1)
    )
    free = trace(costs)
    held = trace(costs, [Anchor(2, 40, 37), Anchor(2, 60, 28)])

    assert held[2, [40, 60]].tolist() == [37, 28]
    assert (np.diff(held, axis=0) > 0).all()
    assert np.array_equal(held[:, :20], free[:, :20]), "far from them nothing changes"


@pytest.mark.parametrize(
    "anchors",
    [
        [Anchor(2, 40, 20), Anchor(2, 41, 40)],
        [Anchor(2, 40, 30), Anchor(3, 40, 25)],
        [Anchor(2, 99, 30)],
    ],
)
def test_anchors_that_cannot_all_be_are_refused(anchors: list[Anchor]) -> None:
    probabilities = one_hot(flat_layers())
    costs = boundary_costs(np.concatenate([probabilities, probabilities[:, :1]], axis=1))
    with pytest.raises(UserError, match="oundary"):
        trace(costs, anchors)


def test_nothing_is_invented_where_no_layer_is_seen() -> None:
    names = flat_layers((60, 300))
    names[:, :40] = 0  # padding
    names[:, 120:170] = 0  # layers end, as at an optic disc
    found = label_layers(one_hot(names), LAYERS7)

    gone = np.isnan(found.boundaries).all(axis=0)
    assert gone[:38].all()
    assert gone[122:168].all()
    assert not gone[42:118].any()
    assert (found.labels[:, gone] == NOT_LABELLED).all()
    assert (found.confidence[:, gone] == 0).all()
    assert np.isnan(found.boundary_confidence[:, gone]).all()


def test_a_short_shadow_is_bridged_and_cropped_layers_end_at_the_edge() -> None:
    names = flat_layers((60, 100))[28:]  # the two uppermost layers are cut off
    names[:, 50:53] = 0
    found = label_layers(one_hot(names), LAYERS7)

    assert not np.isnan(found.boundaries).any()
    assert (found.boundaries[2] <= 3).all()
    assert (found.labels[4:8, 50:53] == found.labels[4:8, 40:41]).all()


@pytest.mark.parametrize("seed", range(3))
def test_names_strewn_about_are_no_layers(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 8, (60, 90)).astype(np.uint8)
    assert (label_layers(one_hot(labels), LAYERS7).labels == NOT_LABELLED).all()


def test_what_is_no_layer_is_drawn_inside_its_layer_only() -> None:
    labels = np.full((60, 90), 12, np.uint8)
    labels[20:40], labels[40:44], labels[44:] = 2, 6, 0
    labels[25:30, 40:50] = 3  # a cyst
    labels[5:7, 10:20] = 3  # no cyst: in the vitreous body
    labels[:, :5] = 13
    labels[50:55, 60:70] = 10
    found = label_layers(one_hot(labels, OCT14), OCT14).labels

    assert (found[25:30, 40:50] == 3).all()
    assert (found[5:7, 10:20] == 12).all()
    assert (found[:, :3] == 13).all()
    assert (found[50:55, 60:70] == 10).all()


def test_confidence_falls_where_the_model_wavers() -> None:
    probabilities = one_hot(flat_layers())
    wavering = probabilities.copy()
    wavering[30:50] = 0.5 * probabilities[30:50] + 0.5 * 0.125
    found = label_layers(wavering, LAYERS7)

    assert found.confidence[22, 10] == 1
    assert found.confidence[22, 40] < 0.6
    steps = np.concatenate([wavering, wavering[:, :1]], axis=1)
    costs = boundary_costs(steps)
    assert sureness(costs, trace(costs)).max() <= 1 + 1e-6
    assert found.boundary_confidence[3, 40] < found.boundary_confidence[3, 10]


@pytest.mark.parametrize(
    ("stack", "fault"),
    [
        ([0, 1], "one layer or more"),
        ([0, 9, 0], "which no class has"),
        ([0, 1, 1, 0], "twice"),
        ([0, 1, 0, 2], "twice"),
    ],
)
def test_a_stack_that_is_none_is_refused(stack: list[int], fault: str) -> None:
    given_schema = {
        **bundled_schema("amd").model_dump(),
        "stack": [{"value": value} for value in stack],
    }
    with pytest.raises(ValidationError, match=fault):
        LabelSchema.model_validate(given_schema)
