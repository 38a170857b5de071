"""The topology losses: right values and gradients, whatever they are given."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

from napari_octsam.core.errors import UserError
from napari_octsam.topology.losses import (
    BettiPrior,
    BettiPriorLoss,
    OriginalTopologyLoss,
    SoftClDiceLoss,
    TopologyLoss,
    TopologyWarning,
    preset_loss,
)
from napari_octsam.topology.losses.bars import Bars
from napari_octsam.topology.losses.ends import Ends
from napari_octsam.topology.metrics import betti_numbers
from tests.faulty_masks import (
    MATCHINGS,
    SIDE,
    as_logits,
    band,
    batch,
    broken_band,
    gradient,
    smooth_case,
)


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("connectivity", [4, 8])
def test_the_gradient_is_that_of_the_loss_where_both_ends_move(
    matching: str, connectivity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(bars: Bars, *_: object) -> Ends:
        everywhere = np.ones(len(bars.births), bool)
        return Ends(everywhere, everywhere, bars.pairs.death)

    monkeypatch.setattr("napari_octsam.topology.losses.spatial.ends_to_move", both)
    logits, truth = smooth_case(3, (1, 2, 9, 11))
    loss = TopologyLoss(matching=matching, connectivity=connectivity)

    assert torch.autograd.gradcheck(lambda x: loss(x, truth), logits.clone().requires_grad_())


@pytest.mark.parametrize("matching", MATCHINGS)
def test_the_truth_itself_costs_nothing_and_noise_on_it_little(matching: str) -> None:
    loss = TopologyLoss(matching=matching, logits=False, shortest=0)
    truth = batch(band())
    norms = []
    for noise in (0.1, 0.01, 0.001, 0.0):
        random = torch.Generator().manual_seed(1)
        shift = noise * torch.rand(truth.shape, generator=random)
        value, slope = gradient(loss, torch.where(truth, 1 - shift, shift), truth)
        assert torch.isfinite(slope).all()
        norms.append(float(slope.norm()))
    assert value == 0
    assert norms[3] == 0
    assert norms[0] > 5 * norms[1] > 25 * norms[2] > 0


@pytest.mark.parametrize("matching", MATCHINGS)
def test_both_backends_give_the_same_loss_and_gradient(matching: str) -> None:
    logits, truth = smooth_case(5, (2, 3, 40, 56))
    results = [
        gradient(TopologyLoss(matching=matching, backend=backend), logits, truth)
        for backend in ("cripser", "ranks")
    ]
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    torch.testing.assert_close(results[0][1], results[1][1])


def test_the_presets_are_the_losses_of_their_names() -> None:
    logits, truth = smooth_case(4, (1, 2, 20, 20))
    for matching in MATCHINGS:
        value = preset_loss(matching, 0.5, size=(16, 16))(logits, truth)
        same = TopologyLoss(0.5, matching=matching, size=(16, 16))(logits, truth)
        assert value.item() == same.item() > 0
    with pytest.raises(UserError, match="50 x 50 pixels only"):
        preset_loss("octsam", size=(64, 64))


def test_no_batch_split_and_no_padding_changes_the_mean() -> None:
    logits, truth = smooth_case(8, (4, 3, 24, 30))
    real = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0]]).bool()
    loss = TopologyLoss()

    whole = loss(logits, truth, real)
    parts = [loss(logits[i : i + 1], truth[i : i + 1], real[i : i + 1]) for i in range(4)]

    counts = real.sum(dim=1)
    assert whole.item() == pytest.approx(float((torch.stack(parts) * counts).sum() / counts.sum()))
    logits[~real] = float("nan")  # what pads a batch is never looked at
    assert loss(logits, truth, real).item() == pytest.approx(whole.item())


@pytest.mark.parametrize("loss", [TopologyLoss(), OriginalTopologyLoss(), SoftClDiceLoss()])
def test_a_batch_without_objects_costs_nothing_and_has_a_gradient(loss: torch.nn.Module) -> None:
    logits = torch.full((2, 3, 8, 8), np.inf, requires_grad=True)
    value = loss(logits, torch.ones(2, 3, 8, 8), torch.zeros(2, 3))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("fault", ["island", "break", "hole"])
def test_only_pixels_on_the_wrong_side_of_the_truth_are_moved(fault: str) -> None:
    truth = band()
    mask = truth.clone()
    if fault == "island":
        mask[8:12, 40:45] = True
    elif fault == "break":
        mask[:, 20:23] = False
    else:
        mask[31:33, 45:47] = False
    logits = batch(as_logits(mask, height=6, noise=0.1))

    _, slope = gradient(TopologyLoss(), logits, batch(truth))
    _, blind = gradient(TopologyLoss(matching="wasserstein"), logits, batch(truth))

    strong = slope[0, 0].abs() > 0.2 * slope.abs().max()
    assert strong.any()
    assert (mask != truth)[strong].all()
    assert ((slope[0, 0] > 0) == mask)[strong].all()
    astray = (blind[0, 0].abs() > 0.2 * blind.abs().max()) & (mask == truth)
    assert astray.any(), "without places the other end moves as well"


def test_a_gap_that_is_darker_than_the_background_is_filled_and_not_bypassed() -> None:
    logits = torch.where(band(), 2.0, -3.0)
    logits[28:36, 20:23] = -4
    logits = batch(
        logits + 0.3 * torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    )
    start = (logits > 0)[0, 0]
    moving = logits.clone().requires_grad_()
    optimizer = torch.optim.Adam([moving], lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        TopologyLoss()(moving, batch(band())).backward()
        optimizer.step()
    end = (moving > 0)[0, 0]

    assert betti_numbers(end.numpy()) == (1, 0)
    assert (end & band() & ~start).sum() >= 3, "the gap is crossed"
    assert not (end & ~band()).any(), "nothing grows beside the layer"
    assert not (start & ~end & band()).any(), "nothing of the layer is lost"


def test_copies_and_pickles_compute_the_same() -> None:
    logits, truth = smooth_case(4, (1, 2, 20, 20))
    loss = TopologyLoss(weight=0.3)
    value = loss(logits, truth)
    assert copy.deepcopy(loss)(logits, truth).item() == value.item()
    assert pickle.loads(pickle.dumps(loss))(logits, truth).item() == value.item()


def test_an_island_that_is_brighter_than_the_layer_goes() -> None:
    mask = band()
    mask[8:11, 40:43] = True
    logits = batch(as_logits(mask, noise=0))
    logits[0, 0, 8:11, 40:43] = 6

    _, slope = gradient(TopologyLoss(), logits, batch(band()))

    assert (slope[0, 0, 8:11, 40:43] > 0).any()


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("matching", MATCHINGS)
def test_an_empty_and_a_full_truth_are_good_ones(matching: str, empty: bool) -> None:
    truth = torch.full((1, 1, 12, 12), not empty)
    loss = TopologyLoss(matching=matching)
    value, slope = gradient(loss, as_logits(~truth, noise=0), truth)

    assert value > 0.3
    assert torch.isfinite(slope).all()
    assert (slope.sum() > 0) == empty
    assert loss(as_logits(truth, height=30, noise=0), truth).item() == pytest.approx(0, abs=1e-6)


def test_logits_that_are_saturated_still_have_an_order() -> None:
    logits = batch(as_logits(broken_band(), height=40, noise=5))
    value, slope = gradient(TopologyLoss(), logits, batch(band()))
    assert np.isfinite(value)
    assert torch.isfinite(slope).all()


def test_half_precision_and_autocast_compute_in_float32() -> None:
    logits, truth = smooth_case(2, (1, 2, 20, 20))
    loss = TopologyLoss()
    exact = loss(logits.float(), truth)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(logits.float(), truth)
        half = loss(logits.bfloat16(), truth)
    assert value.dtype == half.dtype == torch.float32
    assert value.item() == exact.item()
    assert half.item() == pytest.approx(exact.item(), rel=0.1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_tensors_give_the_same_loss() -> None:
    logits, truth = smooth_case(2, (1, 2, 20, 20))
    here, slope = gradient(TopologyLoss(), logits, truth)
    there, slope_there = gradient(TopologyLoss(), logits.cuda(), truth.cuda())
    assert there == pytest.approx(here)
    torch.testing.assert_close(slope_there.cpu(), slope)


def test_probabilities_and_logits_say_the_same() -> None:
    logits, truth = smooth_case(4, (1, 2, 20, 20))
    value = TopologyLoss()(logits, truth)
    assert TopologyLoss(logits=False)(logits.sigmoid(), truth).item() == pytest.approx(value.item())


def test_another_size_is_computed_at_and_warns_where_the_truth_changes() -> None:
    truth = band(128, height=2)
    truth[:, 60:62] = False
    logits = batch(as_logits(truth)).requires_grad_()
    loss = TopologyLoss(size=(32, 32))

    with pytest.warns(
        TopologyWarning, match=r"Mask 0 of sample 0: at 32 x 32 .* 128 x 128"
    ) as told:
        loss(logits, batch(truth)).backward()
    assert told[0].filename == __file__, "where the loss was called"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(logits, batch(truth))  # once is enough
        TopologyLoss(size=(64, 64))(batch(as_logits(band())), batch(band(128, height=16)))
    assert logits.grad is not None
    assert logits.grad.any()


def test_an_option_that_there_is_not_is_refused() -> None:
    logits, truth = smooth_case(4, (1, 1, 9, 9))
    with pytest.raises(ValueError, match="no matching 'best'"):
        TopologyLoss(matching="best")
    with pytest.raises(ValueError, match="no connectivity 6"):
        TopologyLoss(connectivity=6)(logits, truth)
    with pytest.raises(ValueError, match="no backend 'foo'"):
        TopologyLoss(backend="foo")(logits, truth)
    with pytest.raises(ValueError, match="channels from 0 on"):
        BettiPrior((), 1)


def test_each_option_counts() -> None:
    """Values by hand: a bar (b, 1) of an island in an empty truth costs (1 - b)^2 / 2."""
    maps = torch.full((1, 1, 5, 5), 0.0)
    maps[0, 0, 1, 1], maps[0, 0, 3, 3] = 0.8, 0.6
    nothing = torch.zeros(1, 1, 5, 5)
    assert TopologyLoss(logits=False)(maps, nothing).item() == pytest.approx((0.64 + 0.36) / 2)
    assert TopologyLoss(2, logits=False)(maps, nothing).item() == pytest.approx(1.0)
    assert TopologyLoss(logits=False, shortest=0.7)(maps, nothing).item() == pytest.approx(0.32)
    truth = nothing.clone()
    truth[0, 0, 2, 2] = 1  # a component that the prediction does not have at all
    assert TopologyLoss(logits=False)(maps, truth).item() == pytest.approx(1.0)
    touching = torch.zeros(1, 1, 4, 4)
    touching[0, 0, 1, 1] = touching[0, 0, 2, 2] = 1.0
    for connectivity, cost in ((8, 0.0), (4, 0.5)):
        loss = TopologyLoss(logits=False, connectivity=connectivity)
        one = torch.zeros(1, 1, 4, 4)
        one[0, 0, 1:3, 1:3] = 1
        assert loss(touching, one).item() == pytest.approx(cost)
        assert loss(touching, touching).item() == 0
    thrice, once = (SoftClDiceLoss(w, logits=False)(touching, one).item() for w in (3, 1))
    assert thrice == pytest.approx(3 * once)
    assert once > 0


def test_what_does_not_fit_is_named() -> None:
    loss, truth = TopologyLoss(), torch.zeros(2, 3, 8, 8)
    logits = torch.zeros(2, 3, 8, 8)
    logits[1, 2, 4, 4] = float("nan")
    with pytest.raises(UserError, match="Mask 2 of sample 1 has NaN"):
        loss(logits, truth)
    with pytest.raises(ValueError, match=r"\(B, N, H, W\)"):
        loss(logits[0], truth[0])
    with pytest.raises(ValueError, match=r"\(2, 3\) predicted masks, but \(2, 2\) true"):
        loss(torch.zeros(2, 3, 8, 8), truth[:, :2])
    with pytest.raises(ValueError, match="`real` should be"):
        loss(torch.zeros(2, 3, 8, 8), truth, torch.ones(2))


@pytest.mark.parametrize("loss", [TopologyLoss, OriginalTopologyLoss, SoftClDiceLoss])
def test_a_truth_that_is_no_number_is_named(loss: type[torch.nn.Module]) -> None:
    truth = torch.zeros(2, 3, 8, 8)
    truth[1, 2, 4, 4] = float("nan")
    truth[0, 1] = float("nan")
    real = torch.ones(2, 3)
    real[0, 1] = 0
    with pytest.raises(UserError, match="Mask 2 of sample 1 of the truth has NaN"):
        loss()(torch.zeros(2, 3, 8, 8), truth, real)


@pytest.mark.parametrize("wrong", [-0.01, 1.01])
def test_logits_taken_for_probabilities_are_named(wrong: float) -> None:
    maps = torch.full((1, 2, 8, 8), 0.5)
    maps[0, 1, 3, 3] = wrong
    for loss in (TopologyLoss, OriginalTopologyLoss, SoftClDiceLoss):
        with pytest.raises(UserError, match=r"Mask 1 of sample 0 has probabilities .* 0 to 1"):
            loss(logits=False)(maps, torch.zeros_like(maps))
    with pytest.raises(UserError, match="Channel 0 of sample 1 has probabilities"):
        BettiPriorLoss([BettiPrior((0,), 1)], logits=False)(maps.transpose(0, 1))
    TopologyLoss()(maps, torch.zeros_like(maps))


def test_one_truth_at_two_sizes_is_two_truths() -> None:
    """The cache of a loss whose predictions come in two sizes."""
    truth = batch(band(64, height=2))
    loss = TopologyLoss()
    for side in (64, 32, 64):
        logits = batch(as_logits(band(side)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TopologyWarning)
            value = loss(logits, truth)
            assert value.item() == TopologyLoss()(logits, truth).item()
