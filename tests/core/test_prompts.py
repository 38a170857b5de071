"""Prompts: what fits a B-scan, and prompts in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octsam.core.errors import UserError
from napari_octsam.core.prompt_files import load_prompts, save_prompts
from napari_octsam.core.prompts import (
    Box,
    Point,
    Prompt,
    bounding_box,
    check_prompt,
    group,
)

SHAPE = (100, 200)


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [
        (Prompt(1), "neither a box nor a point"),
        (Prompt(1, points=(Point(5, 5, False),)), "only negative points"),
        (Prompt(1, box=Box(5, 5, 5, 9)), "no area"),
        (Prompt(1, box=Box(9, 9, 5, 5)), "no area"),
        (Prompt(1, box=Box(120, 5, 130, 9)), "outside the B-scan of 100 x 200"),
        (Prompt(1, box=Box(5, float("nan"), 9, 9)), "not a finite number"),
        (Prompt(1, points=(Point(5, 200),)), r"point \(5, 200\) is outside"),
        (Prompt(1, points=(Point(float("inf"), 0),)), "not a finite number"),
        (Prompt(1, mask=np.ones((3, 3), bool)), "mask prompt"),
    ],
)
def test_what_marks_nothing_is_a_sentence(prompt: Prompt, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        check_prompt(prompt, SHAPE)


def test_a_box_over_the_border_is_clipped_to_the_bscan() -> None:
    checked = check_prompt(Prompt(1, box=Box(-20, -3, 50, 400)), SHAPE)
    assert checked.box == Box(0, 0, 50, 199)


def test_negative_points_help_where_something_marks_the_object() -> None:
    prompt = Prompt(1, box=Box(1, 1, 9, 9), points=(Point(5, 5, False),))
    assert check_prompt(prompt, SHAPE).points == prompt.points


@given(st.integers(0, 90), st.integers(0, 90), st.integers(1, 9), st.integers(1, 9))
def test_a_bounding_box_holds_its_pixels(row: int, col: int, rows: int, cols: int) -> None:
    mask = np.zeros(SHAPE, bool)
    mask[row : row + rows, col : col + cols] = True
    assert bounding_box(mask) == Box(row, col, row + rows - 1, col + cols - 1)


def test_a_further_object_names_its_class_only_where_a_point_does() -> None:
    points = [(Point(1, 1), None), (Point(2, 2), 3)]
    assert [each.names_class for each in group([], points, 1)] == [True]
    (unnamed,) = group([], points[:1], 1)
    assert (unnamed.class_value, unnamed.names_class) == (1, False)


def test_prompts_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    prompts = [
        Prompt(3, box=Box(1, 2, 3.5, 4), bscan=(7,)),
        Prompt(0, points=(Point(5, 6), Point(7, 8, False))),
    ]
    save_prompts(path, prompts)
    loaded = load_prompts(path)
    assert [(p.class_value, p.box, p.points, p.bscan) for p in loaded] == [
        (p.class_value, p.box, p.points, p.bscan) for p in prompts
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"prompts": [{"box": [1, 2, 3, 4]}]}', '{"prompts": [{"class": 300}]}']
)
def test_a_file_without_prompts_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"wrong\.json does not hold prompts"):
        load_prompts(path)


@pytest.mark.parametrize("sign", ["*", "positive", ""])
def test_a_point_that_is_neither_on_nor_off_the_object_is_refused(
    tmp_path: Path, sign: str
) -> None:
    path = tmp_path / "signs.json"
    path.write_text(f'{{"prompts": [{{"class": 6, "points": [[5, 6, "{sign}"]]}}]}}', "utf-8")
    with pytest.raises(UserError, match=r"signs\.json .*points\.0"):
        load_prompts(path)


def test_a_box_in_a_file_may_begin_at_any_corner(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{"prompts": [{"class": 6, "box": [9, 8, 1, 2]}]}', "utf-8")
    (prompt,) = load_prompts(path)
    assert prompt.box == Box(1, 2, 9, 8)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"  # as editors on Windows write it
    path.write_text('{"prompts": [{"class": 6, "points": [[5, 6, "+"]]}]}', "utf-8-sig")
    (prompt,) = load_prompts(path)
    assert prompt.points == (Point(5, 6),)


def test_mask_prompts_are_not_dropped_silently(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Mask prompts cannot be saved"):
        save_prompts(tmp_path / "p.json", [Prompt(1, mask=np.ones(SHAPE, bool))])
