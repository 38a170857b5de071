"""Metrics on topology, against scikit-image and the reference of Betti matching."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from skimage.measure import euler_number

from benchmarks.oracles.cases import EMPTY_CASES, MATCHING_CASES, mask_pair
from napari_octsam.topology.metrics import (
    betti_error,
    betti_matching,
    betti_matching_error,
    betti_numbers,
    cl_dice,
    layer_order_violations,
)
from napari_octsam.topology.persistence.pairs import Connectivity

RECORDED = json.loads((Path(__file__).parents[1] / "recorded" / "betti_matching.json").read_text())

RING = np.zeros((9, 9), bool)
RING[2:7, 2:7] = True
RING[4, 4] = False
NOTHING = np.zeros((9, 9), bool)


def band(*gaps: slice) -> npt.NDArray[np.bool_]:
    mask = np.zeros((20, 40), bool)
    mask[8:12] = True
    for gap in gaps:
        mask[:, gap] = False
    return mask


def test_betti_numbers_count_pieces_and_holes() -> None:
    assert betti_numbers(RING) == (1, 1)
    assert betti_numbers(RING[:, 4:]) == (1, 0), "a hole at the border is none"
    assert betti_numbers(band(slice(5, 7), slice(20, 21))) == (3, 0)
    assert betti_numbers(np.eye(3, dtype=bool), 8) == (1, 0)
    assert betti_numbers(np.eye(3, dtype=bool), 4) == (3, 0)
    assert betti_numbers(NOTHING) == (0, 0)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_the_euler_characteristic_is_scikit_images(connectivity: Connectivity) -> None:
    for seed in range(100):
        for mask in mask_pair(seed):
            expected = euler_number(mask, connectivity=2 if connectivity == 8 else 1)
            components, holes = betti_numbers(mask, connectivity)
            assert components - holes == expected


@pytest.mark.parametrize("connectivity", [4, 8])
def test_betti_matching_is_the_reference_implementations(connectivity: Connectivity) -> None:
    """Recorded by `python -m benchmarks.oracles`, from the one in topolosses 0.2.0."""
    for seed, recorded in enumerate(RECORDED[:MATCHING_CASES]):
        matched, *unmatched = betti_matching(*mask_pair(seed), connectivity)
        finite = [matched.components - 1, matched.holes]
        assert [finite, *map(list, unmatched)] == recorded[str(connectivity)], seed


@pytest.mark.parametrize("connectivity", [4, 8])
def test_beside_an_empty_mask_nothing_is_matched(connectivity: Connectivity) -> None:
    """The reference leaves out what never ends; an empty mask has no such component for us."""
    empty = RECORDED[MATCHING_CASES:]
    assert len(empty) == EMPTY_CASES
    for seed, recorded in enumerate(empty, MATCHING_CASES):
        pair = mask_pair(seed)
        found = betti_matching(*pair, connectivity)
        matched, *unmatched = recorded[str(connectivity)]
        assert list(found.matched) == matched == [0, 0]
        for mask, ours, theirs in zip(pair, found[1:], unmatched, strict=True):
            assert list(ours) == [theirs[0] + bool(mask.any()), theirs[1]], seed


def test_the_matching_error_sees_what_betti_numbers_cancel() -> None:
    truth = np.hstack([RING, NOTHING])
    predicted = np.hstack([NOTHING, RING])

    assert betti_error(predicted, truth) == (0, 0)
    assert betti_matching_error(predicted, truth).holes == 2
    assert betti_matching_error(truth, truth) == (0, 0)
    assert betti_matching_error(band(slice(5, 7)), band()) == (1, 0)
    assert betti_matching_error(NOTHING, RING) == (1, 1)
    with pytest.raises(ValueError, match="compare equal ones"):
        betti_matching(RING, RING[1:])


def test_cl_dice_falls_with_a_break_and_with_a_branch() -> None:
    assert cl_dice(band(), band()) == 1
    assert cl_dice(band(slice(10, 20)), band()) == pytest.approx(2 * 0.74 / 1.74, abs=0.03)
    branched = band()
    branched[0:8, 20:23] = True
    assert cl_dice(branched, band()) < 0.95
    assert np.isnan(cl_dice(NOTHING, NOTHING))
    assert cl_dice(NOTHING, RING) == 0


def test_layer_order_is_checked_down_each_a_scan() -> None:
    labels = np.array(
        [
            [1, 2, 0, 255],
            [0, 1, 0, 3],
            [2, 3, 0, 1],
            [3, 2, 7, 2],
        ]
    )

    assert layer_order_violations(labels, (1, 2, 3)).tolist() == [0, 2, 0, 1]
    assert layer_order_violations(labels, (3, 2, 1)).tolist() == [2, 1, 0, 1]
    many = np.where(labels == 255, 255, labels * 1000)
    assert layer_order_violations(many, (1000, 2000, 3000)).tolist() == [0, 2, 0, 1]
