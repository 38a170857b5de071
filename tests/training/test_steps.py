"""What a step learns from: simulated prompts, true masks in a network's cells, and losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octsam.core.prompts import Prompt, check_prompt
from napari_octsam.models.frames import make_frame
from napari_octsam.training.batches import Placement
from napari_octsam.training.losses.objects import Truth, mask_loss, object_losses
from napari_octsam.training.prompts.simulation import (
    PromptParts,
    SimulatedObject,
    draw_parts,
    jittered_box,
    simulate_prompt,
)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_prompts_mark_the_object_they_ask_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((60, 80), bool)
    mask[20:27, 5:70] = True
    prompt = check_prompt(simulate_prompt(mask, draw_parts(rng), rng), mask.shape)
    for point in prompt.points:
        assert mask[int(point.row), int(point.col)] == point.positive
    if prompt.box is not None:
        assert (prompt.box.row0 + prompt.box.row1) / 2 == pytest.approx(23, abs=2.1)
    if prompt.mask is not None:
        assert (prompt.mask & mask).any()


def test_a_loose_box_never_leaves_a_thin_layer() -> None:
    mask = np.zeros((60, 80), bool)
    mask[30:36] = True
    for seed in range(200):
        box = jittered_box(mask, np.random.default_rng(seed), most=10)
        assert box.row0 < 33 < box.row1


def test_targets_are_the_covered_share() -> None:
    mask, ignored = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    mask[:, :1] = True
    ignored[3:] = True
    placement = Placement(make_frame("octsam-tiny", (4, 4), (4, 4)), (2, 2), (2, 2), (1, 1))
    objects = [SimulatedObject(mask, Prompt(1)), SimulatedObject(mask, Prompt(1), ignored)]
    truth = placement.truth(objects, torch.device("cpu"))
    covered = torch.tensor([[0.5, 0], [0.5, 0]])
    torch.testing.assert_close(truth.target, torch.stack([covered, covered]))
    torch.testing.assert_close(truth.counts[0], torch.ones(2, 2))
    torch.testing.assert_close(truth.counts[1], torch.tensor([[1.0, 1.0], [0.5, 0.5]]))


def test_losses_vanish_for_the_truth_and_take_the_best_candidate() -> None:
    target = torch.zeros(1, 8, 8)
    target[:, 2:4] = 1
    sure = (target * 2 - 1)[:, None] * 30
    truth = Truth(target, torch.ones_like(target))
    logits = torch.cat([sure, -sure, sure, -sure], dim=1)
    one = object_losses(logits, torch.tensor([[1.0, 0.0, 1.0, 0.0]]), truth, mask_loss)
    none = object_losses((-sure).expand(-1, 4, -1, -1), torch.ones(1, 4), truth, mask_loss)
    assert float(one["segmentation"]) == pytest.approx(0, abs=1e-4)
    assert float(one["iou"]) == pytest.approx(0, abs=1e-4)
    assert float(none["iou"]) == pytest.approx(1, abs=1e-4)
    assert float(one["candidates"]) == pytest.approx(
        0.1 * 2 / 3 * float(none["candidates"]), rel=1e-3
    )


def test_pixels_without_label_do_not_count() -> None:
    counts = torch.ones(1, 8, 8)
    counts[:, 4:] = 0
    logits = torch.full((1, 4, 8, 8), -30.0)
    logits[:, :, 4:] = 30
    truth = Truth(torch.zeros(1, 8, 8), counts)
    found = object_losses(logits, torch.ones(1, 4), truth, mask_loss)
    assert float(found["segmentation"]) == pytest.approx(0, abs=1e-4)


def test_a_scribble_runs_through_the_object() -> None:
    mask = np.zeros((60, 80), bool)
    mask[20:27, 5:70] = True
    stroke = PromptParts(positives=6, scribble=True)
    for seed in range(20):
        prompt = simulate_prompt(mask, stroke, np.random.default_rng(seed))
        assert len(prompt.points) == 6
        assert all(mask[int(p.row), int(p.col)] and p.positive for p in prompt.points)


def test_one_point_never_asks_for_what_holds_other_objects() -> None:
    mask = np.ones((20, 20), bool)
    parts = PromptParts(positives=1)
    rng = np.random.default_rng(0)
    assert len(simulate_prompt(mask, parts, rng).points) == 1
    assert len(simulate_prompt(mask, parts, rng, few_points=False).points) == 3
