"""The original project's loss: equal to it, and what each of its faults costs."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import gudhi
import numpy as np
import pytest
import torch
from packaging.version import Version
from torch import Tensor

from benchmarks.oracles.cases import ORIGINAL_CASES, OriginalCase, wide_ring
from napari_octsam.topology.losses import OriginalTopologyLoss, TopologyLoss, preset_loss
from napari_octsam.topology.metrics import betti_numbers
from napari_octsam.topology.persistence.backends import Backend, persistence_pairs
from napari_octsam.topology.persistence.truth import true_topology
from tests.faulty_masks import (
    MATCHINGS,
    as_logits,
    band,
    batch,
    broken_band,
    gradient,
    smooth_case,
)


def read(name: str) -> Any:
    return json.loads((Path(__file__).parents[1] / "recorded" / f"{name}.json").read_text())


FAULTS = read("original_faults")
"""What the original's parts do, by `python -m benchmarks.oracles` with torch-topological 0.1.9."""


@pytest.mark.parametrize("case", ORIGINAL_CASES, ids=str)
@pytest.mark.parametrize("backend", ["cripser", "ranks"])
def test_the_preset_is_the_original_loss(case: OriginalCase, backend: Backend) -> None:
    """Recorded by `python -m benchmarks.oracles` with torch-topological on gudhi 3.11."""
    recorded = next(each for each in read("original_loss") if each["seed"] == case.seed)
    logits, truth = torch.from_numpy(case.logits()), torch.from_numpy(case.truth())

    value, slope = gradient(preset_loss("octsam", backend=backend), logits, truth)

    assert value == pytest.approx(recorded["loss"], rel=1e-6)
    assert int((slope != 0).sum()) == recorded["pixels_with_gradient"]
    assert float(slope.norm()) == pytest.approx(recorded["gradient_norm"], rel=1e-6)
    places = torch.tensor([int(i) for i in recorded["gradient"]])
    expected = torch.tensor(list(recorded["gradient"].values()), dtype=torch.float64)
    torch.testing.assert_close(slope.flatten()[places], expected, rtol=0, atol=1e-8)


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


def test_the_originals_own_default_and_later_gudhis_break_it() -> None:
    """`feat_d=2` has no bars to sum, and gudhi 3.12 takes no tensors: ours is on the later one."""
    assert "no attribute 'pow'" in FAULTS["feature dimension 2"]
    assert "incompatible function arguments" in FAULTS["later gudhi"]
    assert Version(gudhi.__version__) >= Version("3.12")
    logits, truth = smooth_case(4, (1, 1, 9, 9))
    assert preset_loss("octsam", backend="ranks")(logits, truth).isfinite()


@pytest.mark.parametrize("backend", ["cripser", "ranks"])
def test_a_picture_that_is_not_square_is_scrambled_by_the_originals_parts(backend: Backend) -> None:
    ring = wide_ring()
    pairs = persistence_pairs(ring[None], ["The ring"], 8, backend)
    holes = pairs[pairs.dimension == 1]

    assert FAULTS["bars of a wide ring"] == []
    assert [ring.flat[holes.birth], ring.flat[holes.death]] == [[0], [0.9]]


def test_the_gradient_is_a_number_where_nothing_is_wrong() -> None:
    truth = torch.zeros(1, 2, 50, 50, dtype=torch.float64)
    truth[..., 10:40, 10:40], truth[..., 20:30, 20:30] = 1, 0

    assert FAULTS["finite at the optimum"] is False
    for loss in (OriginalTopologyLoss(), TopologyLoss()):
        value, slope = gradient(loss, (truth - 0.5) * 2000, truth)
        assert value == pytest.approx(0, abs=1e-9)
        assert not slope.any()


def test_the_originals_mean_depends_on_the_split_and_ours_does_not() -> None:
    case = ORIGINAL_CASES[0]
    logits, truth = torch.from_numpy(case.logits()), torch.from_numpy(case.truth())

    def whole_and_parts(loss: torch.nn.Module) -> list[float]:
        parts = [loss(a[None], b[None]).item() for a, b in zip(logits, truth, strict=True)]
        return [loss(logits, truth).item(), float(np.mean(parts))]

    split = FAULTS["split"]
    assert split["whole"] > 1.5 * split["parts"]
    assert whole_and_parts(OriginalTopologyLoss()) == pytest.approx(list(split.values()))
    whole, parts = whole_and_parts(TopologyLoss())
    assert whole == pytest.approx(parts)


def test_padding_enters_the_originals_mean_and_not_ours() -> None:
    case = ORIGINAL_CASES[3]
    logits, truth = torch.from_numpy(case.logits()), torch.from_numpy(case.truth())
    truth[:, 2] = 0
    real = torch.tensor([[1, 1, 0]])

    assert FAULTS["padding"]["padded"] != pytest.approx(FAULTS["padding"]["real"], rel=1e-3)
    for loss in (OriginalTopologyLoss(), TopologyLoss()):
        alone = loss(logits[:, :2], truth[:, :2])
        assert loss(logits, truth, real).item() == pytest.approx(alone.item())
    assert OriginalTopologyLoss()(logits, truth, real).item() == pytest.approx(
        FAULTS["padding"]["real"]
    )


def test_a_truth_is_labelled_once_and_not_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = Mock(side_effect=true_topology)
    monkeypatch.setattr("napari_octsam.topology.losses.truth_cache.true_topology", labelled)
    logits, truth = smooth_case(4, (1, 2, 20, 20))
    loss = TopologyLoss()
    for _ in range(3):
        loss(logits, truth)
    assert labelled.call_count == 2

    TopologyLoss(size=(10, 10))(logits, truth)
    assert labelled.call_count == 6, "at its own size and at the loss's"


def test_the_originals_gradient_is_that_of_its_loss() -> None:
    logits, truth = smooth_case(3, (2, 1, 12, 14))
    loss = OriginalTopologyLoss(1)

    assert torch.autograd.gradcheck(lambda x: loss(x, truth), logits.clone().requires_grad_())
