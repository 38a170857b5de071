"""Boxes and clicks of octsam-tiny's training that are as loose as people draw them."""

from __future__ import annotations

import numpy as np

from napari_octsam.core.prompts import Box, bounding_box
from napari_octsam.training.prompts.simulation import PromptParts
from recipes.octsam_tiny.loose import loose_prompt, near_miss, partial_box
from recipes.octsam_tiny.objects import draw_objects

BOX = PromptParts(box=True)
LAYER = np.zeros((200, 300), bool)
LAYER[90:96, 20:280] = True
CYST = np.zeros((200, 300), bool)
CYST[100:112, 150:160] = True
NOTHING = np.zeros_like(LAYER)


def boxes(mask: np.ndarray, alone: bool = True) -> list[Box]:
    rng = np.random.default_rng(0)
    drawn = [
        loose_prompt(mask, NOTHING, BOX, rng, few_points=alone, class_is_told=True)
        for _ in range(600)
    ]
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
    assert 0.25 < (sides == 0).all(axis=1).mean() < 0.45  # exactly the object
    assert 0.4 < (sides.max(axis=1) <= 2).mean() < 0.7
    assert (sides.min(axis=1) > 6).mean() > 0.05  # on every side at once
    assert (sides < 0).mean() < 0.1
    assert sides.min() > -2


def test_a_thin_layers_box_is_loose_too() -> None:
    above = np.array([90 - box.row0 for box in boxes(LAYER)])
    assert (above > 6).mean() > 0.12


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
        drawn = [
            loose_prompt(mask, NOTHING, click, rng, few_points=True, class_is_told=False)
            for _ in range(200)
        ]
        points = [prompt.points[0] for _, prompt in drawn]
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


def test_half_of_the_prompts_tell_the_class_and_all_with_a_box_of_all_rows() -> None:
    labels = np.where(LAYER, np.uint8(3), np.uint8(0))
    rng = np.random.default_rng(0)
    drawn = [o.prompt for _ in range(400) for o in draw_objects({"layers7": labels}, 2, rng, 1.0)]
    whole = [p for p in drawn if p.box and p.box.row0 <= 0 and p.box.row1 >= len(LAYER) - 1]
    assert whole
    assert all(prompt.names_class for prompt in whole)
    assert 0.4 < np.mean([prompt.names_class for prompt in drawn]) < 0.6
