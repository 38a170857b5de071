"""The topology losses: right values and gradients, and what the original's faults cost."""

from __future__ import annotations

import copy
import json
import pickle
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from benchmarks.oracles.cases import ORIGINAL_CASES, OriginalCase
from napari_octsam.core.errors import UserError
from napari_octsam.topology.bars import Bars
from napari_octsam.topology.cldice import SoftClDiceLoss, soft_skeleton
from napari_octsam.topology.ends import Ends
from napari_octsam.topology.losses import TopologyLoss
from napari_octsam.topology.matching import wasserstein_gain
from napari_octsam.topology.metrics import betti_numbers
from napari_octsam.topology.original import OriginalTopologyLoss
from napari_octsam.topology.persistence import Backend
from napari_octsam.topology.presets import preset_loss
from napari_octsam.topology.prior import BettiPrior, BettiPriorLoss
from napari_octsam.topology.truth import TopologyWarning

RECORDED = json.loads((Path(__file__).parent / "recorded" / "original_loss.json").read_text())
MATCHINGS = ("spatial", "wasserstein")
SIDE = 64


def band(side: int = SIDE, height: int = 8) -> Tensor:
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[side // 2 - height // 2 : side // 2 + height // 2] = True
    return mask


def as_logits(mask: Tensor, height: float = 2.0, noise: float = 0.3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.where(mask, height, -height) + noise * torch.randn(mask.shape, generator=random)


def batch(*masks: Tensor) -> Tensor:
    return torch.stack(masks)[None]


def gradient(loss: Callable[..., Tensor], logits: Tensor, truth: Tensor) -> tuple[float, Tensor]:
    logits = logits.clone().requires_grad_()
    value = loss(logits, truth)
    value.backward()
    assert logits.grad is not None
    return value.item(), logits.grad


def smooth_case(seed: int, shape: tuple[int, int, int, int]) -> tuple[Tensor, Tensor]:
    case = OriginalCase(seed, shape, 1.5)
    return torch.from_numpy(case.logits()), torch.from_numpy(case.truth())


# What is computed


@pytest.mark.parametrize("matching", MATCHINGS)
@pytest.mark.parametrize("connectivity", [4, 8])
def test_the_gradient_is_that_of_the_loss_where_both_ends_move(
    matching: str, connectivity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(bars: Bars, *_: object) -> Ends:
        everywhere = np.ones(len(bars.births), bool)
        return Ends(everywhere, everywhere, bars.pairs.death)

    monkeypatch.setattr("napari_octsam.topology.losses.ends_to_move", both)
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


@settings(deadline=None, max_examples=200)
@given(
    bars=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), min_size=1, max_size=7),
    count=st.integers(0, 7),
)
def test_taking_the_bars_that_gain_most_is_an_optimal_matching(
    bars: list[list[float]], count: int
) -> None:
    births, deaths = np.array(bars).T
    to_diagonal = (deaths - births) ** 2 / 2
    to_truth = births**2 + (1 - deaths) ** 2
    # rows: bars and a diagonal place for each true bar; columns: true bars and one for each bar
    size = len(bars) + count
    costs = np.zeros((size, size))
    costs[: len(bars), :count] = to_truth[:, None]
    costs[: len(bars), count:] = to_diagonal[:, None]
    costs[len(bars) :, :count] = 0.5
    optimum = costs[linear_sum_assignment(costs)].sum()

    gain = np.sort(wasserstein_gain(births, deaths))[::-1][:count].clip(min=0)

    assert to_diagonal.sum() + count / 2 - gain.sum() == pytest.approx(optimum, abs=1e-12)


def test_sorting_by_length_would_not_be_optimal() -> None:
    """The case of {(0, .45), (.3, .7)} against one true bar: 0.281 and not 0.383."""
    births, deaths = np.array([0, 0.3]), np.array([0.45, 0.7])
    costs = (deaths - births) ** 2 / 2
    gain = wasserstein_gain(births, deaths)

    best = costs.sum() + 0.5 - gain.max()
    assert gain.argmax() == 1
    assert best == pytest.approx(0.281, abs=1e-3)
    assert costs.sum() + 0.5 - gain[(deaths - births).argmax()] == pytest.approx(0.383, abs=1e-3)


@pytest.mark.parametrize("matching", MATCHINGS)
def test_both_backends_give_the_same_loss_and_gradient(matching: str) -> None:
    logits, truth = smooth_case(5, (2, 3, 40, 56))
    results = [
        gradient(TopologyLoss(matching=matching, backend=backend), logits, truth)
        for backend in ("cripser", "ranks")
    ]
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    torch.testing.assert_close(results[0][1], results[1][1])


@pytest.mark.parametrize("case", ORIGINAL_CASES, ids=str)
@pytest.mark.parametrize("backend", ["cripser", "ranks"])
def test_the_preset_is_the_original_loss(case: OriginalCase, backend: Backend) -> None:
    """Recorded by `python -m benchmarks.oracles` with torch-topological on gudhi 3.11."""
    recorded = next(each for each in RECORDED if each["seed"] == case.seed)
    logits, truth = torch.from_numpy(case.logits()), torch.from_numpy(case.truth())

    value, slope = gradient(preset_loss("octsam", backend=backend), logits, truth)

    assert value == pytest.approx(recorded["loss"], rel=1e-6)
    assert int((slope != 0).sum()) == recorded["pixels_with_gradient"]
    assert float(slope.norm()) == pytest.approx(recorded["gradient_norm"], rel=1e-6)
    places = torch.tensor([int(i) for i in recorded["gradient"]])
    expected = torch.tensor(list(recorded["gradient"].values()), dtype=torch.float64)
    torch.testing.assert_close(slope.flatten()[places], expected, rtol=0, atol=1e-8)


def test_the_presets_are_the_losses_of_their_names() -> None:
    logits, truth = smooth_case(4, (1, 2, 20, 20))
    for matching in MATCHINGS:
        value = preset_loss(matching, 0.5, size=(16, 16))(logits, truth)
        same = TopologyLoss(0.5, matching=matching, size=(16, 16))(logits, truth)
        assert value.item() == same.item() > 0
    with pytest.raises(UserError, match="50 x 50 pixels only"):
        preset_loss("octsam", size=(64, 64))


# The original's faults


def broken_band(side: int = SIDE) -> Tensor:
    mask = band(side)
    mask[:, 30:33] = False
    return mask


def test_a_broken_layer_costs_and_is_mended_where_the_original_is_blind() -> None:
    logits, truth = batch(as_logits(broken_band(50), noise=0)), batch(band(50))

    blind, no_slope = gradient(OriginalTopologyLoss(), logits, truth)
    seen, slope = gradient(TopologyLoss(), logits, truth)

    assert blind == 0
    assert not no_slope.any()
    assert seen > 0.1
    assert (slope[0, 0, :, 30:33] < 0).any(), "more foreground in the gap lowers the loss"


@pytest.mark.parametrize("height", [3, 5, 8])
def test_a_slanted_layer_stays_in_one_piece_at_the_masks_own_resolution(height: int) -> None:
    side = 512
    rows, cols = np.indices((side, side))
    mask = torch.from_numpy(np.abs(rows - 150 - 0.37 * cols - 12 * np.sin(cols / 40)) < height / 2)
    shrunk = torch.nn.functional.interpolate(
        mask[None, None].float(), (50, 50), mode="bilinear", align_corners=True
    )

    assert betti_numbers(mask.numpy()) == (1, 0)
    assert betti_numbers((shrunk[0, 0] >= 0.5).numpy()).components > 5
    assert TopologyLoss(logits=False)(batch(mask).float(), batch(mask)).item() == 0


def test_any_pixel_can_get_a_gradient() -> None:
    """At 50 x 50 only the pixels that a sample point touches can: 3.6 % of 512 x 512."""
    logits = torch.zeros(1, 1, 512, 512)
    for row, col in product((100, 101, 105), (37, 200)):
        spot = logits.clone() - 3
        spot[0, 0, row, col] = 3
        _, slope = gradient(TopologyLoss(), spot, torch.zeros_like(spot))
        assert slope[0, 0, row, col] > 0
    sampled = torch.nn.functional.interpolate(
        logits.requires_grad_(), (50, 50), mode="bilinear", align_corners=True
    )
    sampled.sum().backward()
    assert logits.grad is not None
    touched = logits.grad[0, 0] != 0
    assert touched.float().mean() < 0.04


def test_the_gradient_fades_with_the_error_where_the_originals_stays() -> None:
    def ring(depth: float) -> Tensor:
        """A dark ring in bright surroundings: a hole's bar of the given length."""
        maps = torch.full((1, 1, 50, 50), 0.9, dtype=torch.float64)
        maps[0, 0, 20:31, 20:31] = 0.9 - depth
        maps[0, 0, 23:28, 23:28] = 0.9
        return maps

    def norm(loss: torch.nn.Module, depth: float) -> float:
        return float(gradient(loss, ring(depth), torch.ones(1, 1, 50, 50))[1].norm())

    original = OriginalTopologyLoss(1, logits=False)
    ours = TopologyLoss(logits=False, shortest=0, matching="wasserstein")
    assert norm(original, 0.01) == pytest.approx(norm(original, 0.1), rel=1e-6)
    base = norm(ours, 0)
    assert norm(ours, 0.1) - base > 2 * (norm(ours, 0.01) - base)
    assert norm(original, 0) == 0, "the original's is NaN"


def test_no_batch_split_and_no_padding_changes_the_mean() -> None:
    logits, truth = smooth_case(8, (4, 3, 24, 30))
    real = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0]]).bool()
    loss = TopologyLoss()

    whole = loss(logits, truth, real)
    each = loss.per_mask(logits, truth, real)
    parts = [loss(logits[i : i + 1], truth[i : i + 1], real[i : i + 1]) for i in range(4)]

    counts = real.sum(dim=1)
    assert whole.item() == pytest.approx(float((torch.stack(parts) * counts).sum() / counts.sum()))
    assert not each[~real].any()
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


def test_the_original_counts_only_what_is_real() -> None:
    logits, truth = smooth_case(6, (2, 3, 50, 50))
    real = torch.tensor([[1, 0, 0], [0, 0, 0]])
    alone = OriginalTopologyLoss()(logits[:1, :1], truth[:1, :1])
    logits[1] = float("nan")
    value, slope = gradient(lambda x, t: OriginalTopologyLoss()(x, t, real), logits, truth)
    assert value == pytest.approx(alone.item())
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("matching", MATCHINGS)
def test_a_toy_is_repaired_where_the_original_fails(matching: str) -> None:
    """A gap, an island and a hole; within 300 steps to one piece without holes."""
    mask = band()
    mask[:, 20:23] = False
    mask[8:12, 40:45] = True
    mask[31:33, 45:47] = False

    def repaired(loss: torch.nn.Module) -> tuple[int, int]:
        logits = batch(as_logits(mask)).requires_grad_()
        optimizer = torch.optim.Adam([logits], lr=0.1)
        for _ in range(300):
            optimizer.zero_grad()
            loss(logits, batch(band())).backward()
            optimizer.step()
        return betti_numbers((logits[0, 0] > 0).numpy())

    assert betti_numbers(mask.numpy()) == (3, 1)
    assert repaired(TopologyLoss(matching=matching)) == (1, 0)
    assert repaired(OriginalTopologyLoss(1)) != (1, 0)


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


# What it takes


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

    with pytest.warns(TopologyWarning, match=r"Mask 0 of sample 0: at 32 x 32 .* 128 x 128"):
        loss(logits, batch(truth)).backward()
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


# Losses without places, and without labels


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
