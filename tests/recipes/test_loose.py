"""Boxes and clicks of octsam-tiny's training that are as loose as people draw them."""

from __future__ import annotations

import numpy as np

from napari_octsam.core.prompts import Box, Point, Prompt, bounding_box
from napari_octsam.training.prompts.simulation import PromptParts, SimulatedObject
from recipes.octsam_tiny.loose import loose_prompt, named_or_not, near_miss, partial_box
from recipes.octsam_tiny.objects import draw_objects

BOX = PromptParts(box=True)
LAYER = np.zeros((200, 300), bool)
LAYER[90:96, 20:280] = True
CYST = np.zeros((200, 300), bool)
CYST[100:112, 150:160] = True
NOTHING = np.zeros_like(LAYER)


def boxes(mask: np.ndarray, alone: bool = True) -> list[Box]:
    rng = np.random.default_rng(0)
    drawn = [loose_prompt(mask, NOTHING, BOX, rng, few_points=alone) for _ in range(600)]
    return [prompt.box for _, prompt in drawn if prompt.box is not None]


def test_boxes_are_tight_or_as_loose_as_is_said_and_mostly_outside() -> None:
    tight = bounding_box(CYST)
    sides = np.array(
        [
            (tight.row0 - box.row0, box.row1 - tight.row1, tight.col0 - box.col0)
            for box in boxes(CYST)
        ]
    )
    assert 14 < sides.max() <= 16
    assert 0.3 < (sides.max(axis=1) <= 2).mean() < 0.6
    assert (sides.min(axis=1) > 6).mean() > 0.08  # on every side at once
    assert (sides < 0).mean() < 0.1
    assert sides.min() > -2


def test_a_thin_layers_box_is_loose_too() -> None:
    above = np.array([90 - box.row0 for box in boxes(LAYER)])
    assert (above > 6).mean() > 0.2


def test_some_boxes_go_across_the_view_and_some_are_of_all_its_rows() -> None:
    across = [box.col0 == 0 and box.col1 == 299 for box in boxes(LAYER)]
    whole = [box.row0 == 0 and box.row1 == 199 for box in boxes(LAYER)]
    assert 0.03 < np.mean(across) < 0.2
    assert 0.03 < np.mean(whole) < 0.2
    assert not any(box.row1 - box.row0 > 100 for box in boxes(CYST) + boxes(LAYER, alone=False))


def test_a_box_of_all_rows_asks_for_what_lies_in_its_columns() -> None:
    for seed in range(40):
        part, box = partial_box(LAYER, np.random.default_rng(seed))
        assert (box.row0, box.row1) == (0, 199)
        within = np.zeros_like(LAYER)
        within[:, int(box.col0) : int(box.col1) + 1] = True
        assert (part == (LAYER & within)).all()
        assert 0.1 < part.sum() / LAYER.sum() < 0.75


def test_a_click_beside_a_cyst_is_nearer_to_it_than_to_another() -> None:
    other = np.roll(CYST, 13, axis=1)
    for seed in range(60):
        point = near_miss(CYST, other, np.random.default_rng(seed))
        assert point is not None
        row, col = int(point.row), int(point.col)
        assert not CYST[row, col]
        assert not other[row, col]
        assert 92 <= row < 120
        assert 146 <= col <= 161


def test_a_click_is_on_the_object_where_nothing_beside_it_is_free() -> None:
    assert near_miss(CYST, ~CYST, np.random.default_rng(0)) is None


def test_clicks_on_large_objects_never_miss() -> None:
    rng = np.random.default_rng(0)
    click = PromptParts(positives=1)
    missed = {}
    for name, mask in (("layer", LAYER), ("cyst", CYST)):
        drawn = [loose_prompt(mask, NOTHING, click, rng, few_points=True)[1] for _ in range(200)]
        points = [prompt.points[0] for prompt in drawn]
        missed[name] = np.mean([not mask[int(p.row), int(p.col)] for p in points])
    assert missed["layer"] == 0
    assert 0.25 < missed["cyst"] < 0.55


def test_objects_are_loose_as_often_as_a_stage_says() -> None:
    labels = np.where(LAYER, np.uint8(3), np.uint8(0))

    def looseness(share: float) -> float:
        rng = np.random.default_rng(0)
        drawn = [o for _ in range(300) for o in draw_objects({"layers7": labels}, 2, rng, share)]
        found = [o.prompt.box for o in drawn if o.prompt.box is not None]
        return float(np.mean([box.row0 < 87 for box in found]))

    assert looseness(0.0) == 0
    assert 0 < looseness(0.3) < looseness(1.0)


def test_a_box_over_all_rows_always_names_its_class() -> None:
    mask = np.zeros((40, 60), bool)
    mask[20:24] = True
    whole, tight = Box(0, 10, 39, 30), Box(20, 0, 23, 59)
    with_point = Prompt(1, whole, (Point(21, 20),))
    for prompt, always in (
        (Prompt(1, whole), True),
        (Prompt(1, tight), False),
        (with_point, False),
    ):
        objects = [SimulatedObject(mask, prompt, named=("layers7", 3))] * 40
        named = [o.prompt.names_class for o in named_or_not(objects, np.random.default_rng(0))]
        assert all(named) == always
        assert any(named)
