"""Objects are carried on from B-scan to B-scan: asked for where they went, stopped in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from napari_octsam.core.carrying import (
    CarriedObject,
    ask_on,
    carry_on,
    labelled_objects,
    row_shift,
)
from napari_octsam.core.carrying_limits import Limits, Stop
from napari_octsam.core.decoded import CoarseMask, DecodedObject, LogitGrid
from napari_octsam.core.prompts import Prompt
from napari_octsam.core.trust import Trust

SHAPE = (80, 120)
SRF, IRF = 4, 3
Pixels = npt.NDArray[np.uint8]


def decoded(mask: npt.NDArray[np.bool_], score: float = 0.9) -> DecodedObject:
    grid = LogitGrid(SHAPE, ((SHAPE[0],) * 2,), ((SHAPE[1],) * 2,))
    logits = np.where(mask, 4, -4).astype(np.float32)
    return DecodedObject((CoarseMask(grid, 0, 0, logits),), (score,), 0)


def inside(prompt: Prompt) -> npt.NDArray[np.bool_]:
    assert prompt.box is not None
    b, mask = prompt.box, np.zeros(SHAPE, bool)
    mask[round(b.row0) : round(b.row1) + 1, round(b.col0) : round(b.col1) + 1] = True
    return mask


def finds_bright(here: Pixels, prompts: Sequence[Prompt]) -> list[DecodedObject]:
    """A model that finds what is bright in each box."""
    return [decoded((here > 150) & inside(p)) for p in prompts]


def fills_boxes(_here: Pixels, prompts: Sequence[Prompt]) -> list[DecodedObject]:
    """A model that takes all of each box for the object."""
    return [decoded(inside(p)) for p in prompts]


def tissue(row: int, *spots: tuple[int, int]) -> Pixels:
    """A dim band whose upper edge lies on a row, with bright spots (column, size) in it."""
    rng = np.random.default_rng(row)
    bscan = rng.integers(0, 30, SHAPE)
    bscan[row : row + 40] += 60
    bscan[row + 40 : row + 44] += 40
    for col, size in spots:
        bscan[row + 15 : row + 15 + size, col : col + 2 * size] = 200
    return bscan.astype(np.uint8)


def spot_of(bscan: Pixels, left: int, right: int, value: int = SRF) -> CarriedObject:
    mask = bscan > 150
    mask[:, :left] = mask[:, right:] = False
    return CarriedObject(value, mask)


@pytest.mark.parametrize("rows", [0, 7, -9, 20])
def test_an_object_is_looked_for_where_its_tissue_has_gone(rows: int) -> None:
    last, here = tissue(25, (40, 10)), tissue(25 + rows, (40, 10))
    spot = spot_of(last, 0, 120)
    assert row_shift(last.astype(np.float32), here.astype(np.float32), spot.mask) == rows
    (moved,) = ask_on([spot], last, here).objects
    assert np.array_equal(moved.mask, here > 150)


def test_an_object_follows_an_eye_that_moves() -> None:
    rows = [20, 24, 31, 27, 18, 12, 19, 25]
    bscans = [tissue(row, (40, 8)) for row in rows]
    found = list(carry_on([spot_of(bscans[0], 0, 120)], bscans[0], bscans[1:], finds_bright))
    assert len(found) == 7
    for bscan, carried in zip(bscans[1:], found, strict=True):
        assert np.array_equal(carried.labels() == SRF, bscan > 150)
        assert (carried.overlap, carried.trust) == (1.0, Trust.SURE)


def test_one_that_vanishes_stops_alone() -> None:
    sizes = [10, 10, 9, 8, 0, 0]
    bscans = [tissue(20, (20, 9), (80, size)) for size in sizes]
    objects = [spot_of(bscans[0], 0, 60), spot_of(bscans[0], 60, 120, IRF)]
    found = list(carry_on(objects, bscans[0], bscans[1:], finds_bright))
    assert [len(carried.kept) for carried in found] == [2, 2, 2, 1, 1]
    assert found[3].found[1].stop is Stop.EMPTY
    assert set(np.unique(found[4].labels())) == {SRF, 255}


def test_masks_do_not_grow_though_the_model_fills_every_box() -> None:
    bscans = [tissue(20, (40, 10))] * 21
    spot = spot_of(bscans[0], 0, 120)
    found = list(carry_on([spot], bscans[0], bscans[1:], fills_boxes))
    largest = max(carried.objects[0].area for carried in found if carried.kept)
    assert largest <= Limits().growth * spot.area
    assert found[-1].found[0].stop is Stop.AREA
    assert not found[-1].kept


def test_a_model_that_repeats_the_mask_it_is_shown_is_not_believed() -> None:
    there, gone = tissue(20, (40, 10)), tissue(20)

    def repeats(here: Pixels, prompts: Sequence[Prompt]) -> list[DecodedObject]:
        return [decoded(here > 150 if p.mask is None else p.mask) for p in prompts]

    found = list(carry_on([spot_of(there, 0, 120)], there, [there, gone, there], repeats))
    assert [carried.found[0].stop for carried in found] == [None, Stop.EMPTY]


def test_pieces_elsewhere_do_not_belong_to_an_object() -> None:
    bscan = tissue(20, (40, 10))

    def finds_more(here: Pixels, prompts: Sequence[Prompt]) -> list[DecodedObject]:
        mask = here > 150
        mask[2:6, 2:9] = True
        return [decoded(mask) for _ in prompts]

    (carried,) = carry_on([spot_of(bscan, 0, 120)], bscan, [bscan], finds_more)
    assert np.array_equal(carried.objects[0].mask, bscan > 150)


@pytest.mark.parametrize(
    ("score", "stop"), [(0.59, Stop.SCORE), (float("nan"), Stop.SCORE), (0.61, None)]
)
def test_a_mask_that_the_model_does_not_trust_is_not_taken(score: float, stop: Stop | None) -> None:
    bscan = tissue(20, (40, 10))
    spot = spot_of(bscan, 0, 120)
    (carried,) = carry_on([spot], bscan, [bscan], lambda *_: [decoded(spot.mask, score)] * 2)
    assert carried.found[0].stop is stop


def test_a_mask_that_lies_beside_the_last_is_not_taken() -> None:
    bscan = tissue(20, (40, 10))
    spot = spot_of(bscan, 0, 120)
    beside = decoded(np.roll(spot.mask, 12, axis=1))
    (carried,) = carry_on([spot], bscan, [bscan], lambda *_: [beside] * 2)
    assert carried.found[0].stop is Stop.OVERLAP
    assert (carried.labels() == 255).all()


def test_a_prompt_is_close_around_the_mask_and_inside_it() -> None:
    band = np.zeros(SHAPE, bool)
    band[30:36] = True
    prompt, outlining = CarriedObject(6, band, names_class=False).prompts()
    assert prompt.box is not None
    assert (prompt.box.row0, prompt.box.row1) == (28, 37)
    assert (prompt.box.col0, prompt.box.col1) == (0, 119)
    assert len(prompt.points) == 2
    assert all(band[int(p.row), int(p.col)] and p.positive for p in prompt.points)
    assert not prompt.names_class
    assert prompt.mask is None
    assert outlining.mask is band


def test_the_pieces_of_a_class_are_objects_but_for_specks() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:20, 10:20] = labels[40:44, 40:44] = labels[60, 60] = IRF
    labels[30:35, 90:95] = SRF
    assert [each.area for each in labelled_objects(labels, IRF)] == [100, 16]
    assert labelled_objects(labels, 9) == ()
