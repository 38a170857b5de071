"""What the settings of the steps do to the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_octsam.core.config import TrainConfig
from napari_octsam.training.events import StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.schedule import learning_rate, make_optimizer
from tests.small_runs import CONFIG, SCHEMA, bscans, small_model

PLAIN = {"optimizer": "sgd", "lr": 1.0, "schedule": "constant", "topology": "none"}


def after_a_step(**settings: Any) -> float:
    """Return what a weight of 1 with the gradient 1 becomes at a learning rate of 0.1."""
    weight = nn.Parameter(torch.ones(1))
    optimizer = make_optimizer([weight], TrainConfig(lr=0.1, **settings))
    weight.grad = torch.ones(1)
    optimizer.step()
    return weight.item()


def test_weight_decay_pulls_on_a_weight_as_each_optimizer_has_it() -> None:
    assert after_a_step(optimizer="sgd") == pytest.approx(0.9)
    assert after_a_step(optimizer="sgd", weight_decay=0.5) == pytest.approx(0.85)
    assert after_a_step(optimizer="adam") == pytest.approx(0.9)
    assert after_a_step(optimizer="adamw") == pytest.approx(0.9)
    # AdamW decays the weight itself; Adam adds to a gradient that it then scales to 1.
    assert after_a_step(optimizer="adamw", weight_decay=0.5) == pytest.approx(0.85)
    assert after_a_step(optimizer="adam", weight_decay=0.5) == pytest.approx(0.9)


def test_the_cosine_falls_slowly_at_both_ends() -> None:
    config = TrainConfig(lr=1.0, warmup_steps=0, schedule="cosine")
    rates = [learning_rate(config, step, 100) for step in range(100)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.5)
    assert rates[25] == pytest.approx((1 + 0.5**0.5) / 2)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.001


def first_step(folder: Path, **settings: Any) -> tuple[float, dict[str, float]]:
    """Return how far the first step moves the weights, and its losses."""
    config = CONFIG.model_copy(update={"augment": False, **settings})
    run = FineTuning(small_model(), bscans(1), [], SCHEMA, config, folder)
    before = run.weights()
    step = next(event for event in run.run() if isinstance(event, StepDone))
    return _distance(before, run.weights()), step.losses


def _distance(before: dict[str, Tensor], after: dict[str, Tensor]) -> float:
    return sum(float((after[n] - before[n]).square().sum()) for n in before) ** 0.5


def test_a_gradient_is_clipped_to_its_highest_norm_and_not_at_0(tmp_path: Path) -> None:
    free, _ = first_step(tmp_path, gradient_clip=0.0, **PLAIN)
    clipped, _ = first_step(tmp_path, gradient_clip=free / 4, **PLAIN)
    unclipped, _ = first_step(tmp_path, gradient_clip=4 * free, **PLAIN)
    assert clipped == pytest.approx(free / 4, rel=1e-3)
    assert unclipped == pytest.approx(free)


def test_the_topology_loss_of_a_run_has_its_weight_size_and_delay(tmp_path: Path) -> None:
    at_once = {"topology_warmup_epochs": 0}
    _, usual = first_step(tmp_path, topology_weight=0.1, **at_once)
    _, heavy = first_step(tmp_path, topology_weight=0.3, **at_once)
    _, large = first_step(tmp_path, topology_weight=0.1, topology_size=96, **at_once)
    _, none = first_step(tmp_path, topology_weight=0.0, **at_once)
    _, delayed = first_step(tmp_path, topology_weight=0.1, topology_warmup_epochs=1)
    assert heavy["topology"] == pytest.approx(3 * usual["topology"])
    assert heavy["segmentation"] == pytest.approx(usual["segmentation"])
    assert large["topology"] != pytest.approx(usual["topology"], rel=0.01)
    assert "topology" not in none
    assert "topology" not in delayed
