"""The prompts that a run learns from, and the points that correct them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from napari_octsam.core.config import PromptKind
from napari_octsam.core.correction import correction
from napari_octsam.core.prompts import Box, Point, Prompt, bounding_box, check_prompt
from napari_octsam.training.events import StepDone
from napari_octsam.training.prompts.corrections import corrected
from napari_octsam.training.prompts.kinds import draw_prompt
from napari_octsam.training.prompts.simulation import SimulatedObject
from tests.small_runs import CONFIG, FEW, fine_tuning, same

MASK = np.zeros((120, 160), bool)
MASK[40:90, 30:120] = True
PIXEL = np.zeros_like(MASK)
PIXEL[7, 9] = True


def drawn(kind: PromptKind, mask: np.ndarray = MASK) -> list[Prompt]:
    random = np.random.default_rng(0)
    return [draw_prompt(mask, kind, random) for _ in range(200)]


def on(mask: np.ndarray, points: tuple[Point, ...]) -> bool:
    return all(p.positive and mask[int(p.row), int(p.col)] for p in points)


def test_a_box_is_moved_by_up_to_ten_pixels_a_side() -> None:
    tight = bounding_box(MASK)
    moves = [each.box.row0 - tight.row0 for each in drawn("boxes") if each.box]
    assert len(moves) == 200
    assert 8 < max(moves) <= 10
    assert -10 <= min(moves) < -8


@pytest.mark.parametrize(
    ("kind", "box", "counts"),
    [
        ("points", False, {1}),
        ("boxes and points", True, {1}),
        ("several points", False, {2, 3, 4, 5}),
    ],
)
def test_points_lie_on_the_object(kind: PromptKind, box: bool, counts: set[int]) -> None:
    prompts = drawn(kind)
    assert {len(each.points) for each in prompts} == counts
    assert all((each.box is not None) == box for each in prompts)
    assert all(on(MASK, each.points) for each in prompts)


def test_mixed_prompts_are_of_all_kinds() -> None:
    prompts = drawn("mixed")
    assert {(each.box is not None, bool(each.points)) for each in prompts} == {
        (True, False),
        (False, True),
        (True, True),
    }


@pytest.mark.parametrize("kind", get_args(PromptKind))
def test_an_object_of_one_pixel_can_be_asked_for(kind: PromptKind) -> None:
    for prompt in drawn(kind, PIXEL)[:20]:
        assert prompt.points or prompt.box is not None
        if prompt.box is None:
            check_prompt(prompt, (120, 160))


def test_a_correction_lies_deep_in_the_largest_wrong_region() -> None:
    found = MASK.copy()
    found[40:90, 30:61] = False  # 50 x 31 missed
    found[100:110, 30:40] = True  # 10 x 10 too much
    point = correction(MASK, found)
    assert point is not None
    assert point.positive
    assert point.col == 45
    assert 55 <= point.row <= 75

    found[:] = MASK
    found[100:111, 30:41] = True
    assert correction(MASK, found) == Point(105, 35, False)
    ignored = np.zeros_like(MASK)
    ignored[95:] = True
    assert correction(MASK, found, ignored) is None
    assert correction(MASK, MASK) is None


def test_points_are_added_until_the_mask_is_right() -> None:
    def predict(prompts: list[Prompt]) -> list[np.ndarray]:
        return [MASK if len(each.points) > 1 else np.zeros_like(MASK) for each in prompts]

    box = SimulatedObject(MASK, Prompt(1, box=Box(40, 30, 89, 119)))
    assert corrected([box], 0, predict) == [box]
    (once,) = corrected([box], 1, predict)
    (often,) = corrected([box], 5, predict)
    assert len(once.prompt.points) == 1
    assert len(often.prompt.points) == 2
    assert often.prompt.box == box.prompt.box
    assert on(MASK, often.prompt.points)


def test_a_run_learns_from_corrections(tmp_path: Path) -> None:
    def after(corrections: int) -> dict:
        settings = {"epochs": 1, "batch_size": 1, "corrections": corrections}
        run = fine_tuning(tmp_path, CONFIG.model_copy(update=FEW | settings), count=2)
        assert sum(isinstance(event, StepDone) for event in run.run()) == 2
        return run.weights()

    learnt = after(3)
    assert not same(after(0), learnt, "mask_decoder.")
    assert same(after(3), learnt)
