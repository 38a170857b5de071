"""Scores against the truth."""

from __future__ import annotations

import math

import numpy as np

from napari_octsam.core.prompts import Box
from napari_octsam.evaluation.metrics import dice
from napari_octsam.evaluation.prompted import ClassScore, class_prompt, summarise


def test_dice_of_known_masks() -> None:
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    predicted = np.zeros((4, 4), bool)
    predicted[1:3] = True
    assert dice(predicted, truth) == 0.5
    assert dice(truth, truth) == 1.0
    assert dice(~truth, truth) == 0.0


def test_an_absent_class_is_neither_good_nor_bad() -> None:
    nothing = np.zeros((4, 4), bool)
    assert math.isnan(dice(nothing, nothing))
    scores = [ClassScore("a", 1, math.nan), ClassScore("b", 1, 0.5), ClassScore("b", 2, 0.25)]
    assert summarise(scores) == {1: 0.5, 2: 0.25}


def test_unlabelled_pixels_do_not_count() -> None:
    truth = np.ones((4, 4), bool)
    predicted = np.zeros((4, 4), bool)
    predicted[:2] = True
    assert dice(predicted, truth, counted=predicted) == 1.0


def test_prompts_for_a_class_lie_on_it() -> None:
    mask = np.zeros((20, 40), bool)
    mask[5:8, 10:31] = True
    assert class_prompt(mask, 3, "box").box == Box(5, 10, 7, 30)
    (point,) = class_prompt(mask, 3, "point").points
    assert point.row == 6
    assert mask[int(point.row), int(point.col)]
