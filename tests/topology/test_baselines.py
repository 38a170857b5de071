"""The losses without labels and without persistence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_octsam.topology.losses import (
    BettiPrior,
    BettiPriorLoss,
    OriginalTopologyLoss,
    SoftClDiceLoss,
    TopologyLoss,
)
from napari_octsam.topology.losses.cldice import soft_skeleton
from napari_octsam.topology.metrics import betti_numbers
from tests.faulty_masks import as_logits, band, batch, broken_band, smooth_case


def test_a_prior_mends_a_layer_that_nobody_labelled() -> None:
    mask = broken_band()
    mask[8:12, 40:45] = True
    logits = batch(as_logits(mask)).requires_grad_()
    loss = BettiPriorLoss([BettiPrior((0,), components=1, holes=0)])
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        loss(logits).backward()
        optimizer.step()
    assert betti_numbers((logits[0, 0] > 0).numpy()) == (1, 0)


def test_a_prior_of_a_union_sees_the_classes_together() -> None:
    left, right = band().clone(), band().clone()
    left[:, 32:] = False
    right[:, :32] = False
    logits = batch(*(as_logits(mask, height=9, noise=0) for mask in (left, right)))

    together = BettiPriorLoss([BettiPrior((0, 1), components=1, holes=0)])
    two = BettiPriorLoss([BettiPrior((0, 1), components=2, holes=0)])
    with_hole = BettiPriorLoss([BettiPrior((0, 1), components=1, holes=1)])
    any_number = BettiPriorLoss([BettiPrior((0, 1), components=None)])

    assert together(logits).item() < 1e-3
    right[:, 32:36] = False
    apart = batch(*(as_logits(mask, height=9, noise=0) for mask in (left, right)))
    assert together(apart).item() > 0.4
    assert two(apart).item() < 1e-3
    assert any_number(apart).item() == 0
    assert with_hole(logits).item() == pytest.approx(0.5, abs=1e-3), "what is missing costs"
    with pytest.raises(ValueError, match="channel 1 of 1"):
        together(apart[:, :1])


def test_soft_cl_dice_is_low_on_the_truth_and_sees_a_break() -> None:
    loss = SoftClDiceLoss(logits=False)
    truth = batch(band())
    assert loss(truth.float(), truth).item() == pytest.approx(0, abs=1e-6)
    broken = batch(broken_band()).float().requires_grad_()
    value = loss(broken, truth)
    value.backward()
    assert 0.01 < value.item() < 0.1
    assert broken.grad is not None
    assert (broken.grad[0, 0, :, 30:33] < 0).any()
    line = soft_skeleton(band()[None].float(), 10)[0, :, 10]
    assert 1 <= line.sum() <= 2


def test_the_gradients_of_prior_and_cl_dice_are_those_of_their_losses() -> None:
    logits, truth = smooth_case(3, (2, 2, 9, 11))
    prior = BettiPriorLoss([BettiPrior((0,), 1, 0), BettiPrior((0, 1), 2)])
    cl_dice = SoftClDiceLoss(iterations=2)

    assert torch.autograd.gradcheck(prior, logits.clone().requires_grad_())
    assert torch.autograd.gradcheck(lambda x: cl_dice(x, truth), logits.clone().requires_grad_())


def test_each_option_of_a_prior_counts() -> None:
    """Two spots that touch by a corner: with 4 neighbours a second bar (0.1, 1)."""
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 1, 1], maps[0, 0, 2, 2] = 1.0, 0.9
    one = [BettiPrior((0,), components=1, holes=0)]

    def cost(**options: Any) -> float:
        return float(BettiPriorLoss(one, logits=False, **options)(maps))

    assert cost(connectivity=8) == pytest.approx(0)
    assert cost(connectivity=4) == pytest.approx(0.9**2 / 2)
    assert cost(connectivity=4, weight=3.0) == pytest.approx(1.5 * 0.9**2)
    assert cost(connectivity=4, shortest=0.95) == pytest.approx(0)
    assert cost(connectivity=4, backend="ranks") == pytest.approx(0.9**2 / 2)
    with pytest.raises(ValueError, match="no backend 'foo'"):
        cost(backend="foo")
    assert BettiPriorLoss(one)(maps.logit(1e-6)).item() == pytest.approx(0, abs=1e-5)


def test_a_batch_without_samples_costs_nothing() -> None:
    assert BettiPriorLoss([BettiPrior((0,), 1)])(torch.zeros(0, 1, 8, 8)).item() == 0


def test_cl_dice_counts_only_what_is_real() -> None:
    truth = batch(band(), broken_band()).float()
    maps = batch(broken_band(), band()).float()
    first = SoftClDiceLoss(logits=False)(maps[:, :1], truth[:, :1])
    maps[0, 1] = float("nan")
    value = SoftClDiceLoss(logits=False)(maps, truth, torch.tensor([[1, 0]]))
    assert value.item() == pytest.approx(first.item())
    assert first > 0.01


@pytest.mark.parametrize(
    "loss",
    [
        TopologyLoss(),
        OriginalTopologyLoss(),
        SoftClDiceLoss(),
        lambda prediction, truth: BettiPriorLoss([BettiPrior((0, 1), 1, 0)])(prediction),
    ],
)
def test_autocast_changes_no_loss(loss: Callable[..., Tensor]) -> None:
    logits, truth = smooth_case(6, (1, 2, 20, 20))
    exact = loss(logits.float(), truth)
    with torch.autocast("cpu", torch.bfloat16):
        assert loss(logits.float(), truth).item() == exact.item() != 0
        assert loss(logits.bfloat16(), truth).dtype == torch.float32
