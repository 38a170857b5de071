"""What is odd about labels is found with its place, and mended by one repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from napari_octsam.core.boundaries import boundaries_of
from napari_octsam.core.classes import NOT_LABELLED, bundled_schema
from napari_octsam.phantoms.bscan import make_phantom
from napari_octsam.topology.repairs import Kind, applied, find, repair
from napari_octsam.topology.report import describe_bscan
from tests.core.test_boundaries import LAYERS7, OCT14, flat_layers
from tests.core.test_boundary_edits import retina_with_fluid

Labels = npt.NDArray[np.uint8]
Fault = Callable[[Labels], None]


def sloped_layers() -> Labels:
    """Return layers of four rows that fall by a row every eight columns."""
    labels = flat_layers()
    shifts = np.arange(labels.shape[1]) // 8
    return np.stack([np.roll(labels[:, c], s) for c, s in enumerate(shifts)], axis=1)


def an_island(labels: Labels) -> None:
    labels[5:8, 20:24] = 3


def an_island_in_another_layer(labels: Labels) -> None:
    labels[46:48, 60:62] = 2


def a_hole_in_two_layers(labels: Labels) -> None:
    labels[25:34, 20:32] = NOT_LABELLED


def a_hole_of_background(labels: Labels) -> None:
    labels[26:30, 20:25] = 0


def a_gap_between_layers(labels: Labels) -> None:
    below = np.roll(labels, -1, axis=0)
    labels[(labels == 3) & (below == 4)] = NOT_LABELLED


def columns_without_layers(labels: Labels) -> None:
    labels[:, 40:46] = 0


def a_broken_layer(labels: Labels) -> None:
    part = labels[:, 30:34]
    part[part == 3] = 2


def layers_out_of_order(labels: Labels) -> None:
    part = labels[:, 40:50]
    fourth, fifth = part == 4, part == 5
    part[fourth], part[fifth] = 5, 4


FAULTS = [
    (an_island, Kind.ISLAND),
    (an_island_in_another_layer, Kind.ISLAND),
    (a_hole_in_two_layers, Kind.HOLE),
    (a_hole_of_background, Kind.HOLE),
    (a_gap_between_layers, Kind.GAP),
    (columns_without_layers, Kind.GAP),
    (a_broken_layer, Kind.BROKEN),
]


def is_sound(labels: Labels) -> bool:
    return all(each.as_expected for each in describe_bscan(labels, LAYERS7))


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
@pytest.mark.parametrize("upside_down", [False, True])
def test_a_fault_is_found_where_it_is_and_mended(
    fault: Fault, kind: Kind, upside_down: bool
) -> None:
    truth = sloped_layers()
    labels = truth.copy()
    fault(labels)
    if upside_down:
        labels, truth = labels[::-1].copy(), truth[::-1]
    found = find(labels, LAYERS7)

    assert kind in {each.kind for each in found} <= {kind, Kind.HOLE}
    (first, *_) = found
    assert (labels != truth)[:, first.col].any(), "the place is that of the fault"
    assert first.text.endswith(".")
    mended, done = repair(labels, LAYERS7)
    assert len(done) == len(found)
    assert (mended != truth).sum() <= 0.2 * (labels != truth).sum() + 2
    assert is_sound(mended)
    assert find(mended, LAYERS7) == []


def test_a_hole_in_two_layers_is_filled_by_their_boundary() -> None:
    truth, labels = sloped_layers(), sloped_layers()
    a_hole_in_two_layers(labels)
    (hole,) = find(labels, LAYERS7)

    assert {1, 2, 3} == set(hole.values.tolist())
    assert (applied(labels, [hole]) != truth).sum() <= 12, "a row at most"


def test_all_faults_at_once_are_mended_and_sound_labels_stay() -> None:
    truth, labels = sloped_layers(), sloped_layers()
    for fault, _ in FAULTS:
        fault(labels)
    mended, done = repair(labels, LAYERS7)

    assert is_sound(mended)
    assert {Kind.ISLAND, Kind.HOLE, Kind.GAP} <= {each.kind for each in done}
    assert (mended != truth).mean() < 0.02
    assert find(truth, LAYERS7) == []


def test_layers_out_of_order_over_some_columns_are_put_in_order() -> None:
    labels = sloped_layers()
    layers_out_of_order(labels)
    mended, done = repair(labels, LAYERS7)

    assert done
    assert is_sound(mended)
    assert np.isfinite(boundaries_of(mended, LAYERS7)).all()
    assert np.array_equal(mended[:, :38], sloped_layers()[:, :38])


def test_two_classes_that_are_swapped_are_one_finding() -> None:
    truth, labels = sloped_layers(), sloped_layers()
    labels[truth == 3], labels[truth == 6] = 6, 3
    (swapped,) = find(labels, LAYERS7)

    assert swapped.kind is Kind.SWAPPED
    assert "INL and OS" in swapped.text
    assert np.array_equal(applied(labels, [swapped]), truth)


def test_lesions_lose_their_specks_and_holes_and_nothing_else() -> None:
    labels = retina_with_fluid()
    labels[33:35, 34:36] = 2
    labels[25, 60:62] = 3
    truth = retina_with_fluid()
    found = {each.kind: each for each in find(labels, OCT14)}

    assert set(found) == {Kind.HOLE, Kind.SPECK}
    assert "A speck of IRF, 2 pixels: 2 pixels become NSR." in found[Kind.SPECK].text
    assert np.array_equal(repair(labels, OCT14)[0], truth)
    assert np.array_equal(
        repair(labels, OCT14, [Kind.SPECK])[0][33:35, 34:36], labels[33:35, 34:36]
    )


def test_no_lesion_is_lost_in_the_hole_of_another() -> None:
    labels = retina_with_fluid()
    labels[33:37, 33:37] = 5
    mended, _ = repair(labels, OCT14)

    assert np.array_equal(mended, labels)


def test_a_retina_that_an_optic_disc_parts_keeps_both_halves() -> None:
    labels = flat_layers((60, 200))
    labels[:, 60:120] = 0
    found = find(labels, LAYERS7)

    assert {each.kind for each in found} == {Kind.PIECES}
    assert not any(each.can_be_repaired for each in found)
    assert np.array_equal(repair(labels, LAYERS7)[0], labels)


def test_regions_without_layers_are_mended_by_what_is_around_them() -> None:
    fluid = bundled_schema("fluid")
    labels = np.zeros((30, 30), np.uint8)
    labels[5:20, 5:20], labels[10:12, 10:12], labels[25, 25] = 1, 0, 1
    truth = np.zeros((30, 30), np.uint8)
    truth[5:20, 5:20] = 1

    assert np.array_equal(repair(labels, fluid)[0], truth)


@pytest.mark.parametrize(
    "labels", [np.zeros((40, 40)), np.full((40, 40), NOT_LABELLED), np.ones((5, 9))]
)
def test_labels_without_layers_have_nothing_odd(labels: Any) -> None:
    assert [f for f in find(labels.astype(np.uint8), LAYERS7) if f.can_be_repaired] == []


def test_phantoms_have_nothing_odd_but_layers_that_vanish_at_the_fovea() -> None:
    for seed in range(3):
        layers = make_phantom(seed, (256, 300), findings=()).layers
        assert {f.kind for f in find(layers, LAYERS7)} <= {Kind.BROKEN, Kind.PIECES}
        mended, _ = repair(layers, LAYERS7)
        assert (mended != layers).mean() < 0.002
