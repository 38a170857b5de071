"""Metrics of single masks, against scikit-learn, MONAI and the hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Box
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.judging import judge_absent, judge_mask
from napari_octsam.evaluation.metrics import (
    PIXEL_METRICS,
    SHAPE_METRICS,
    PixelCounts,
    boundary_error,
    count_pixels,
    dice,
    measure_confidence,
    surface_distances,
)
from napari_octsam.evaluation.prompting import class_prompt
from napari_octsam.topology.metrics import betti_error, betti_matching_error, cl_dice

SHAPE = (40, 56)
NOTHING = np.zeros(SHAPE, bool)
EVERYWHERE = np.ones(SHAPE, bool)
SEEDS = range(12)


def blobs(rng: np.random.Generator, smooth: float = 2.0) -> Mask:
    noise = ndimage.gaussian_filter(rng.normal(size=SHAPE), smooth)
    return noise > np.quantile(noise, rng.uniform(0.5, 0.9))


def mask_pair(seed: int) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    return blobs(rng), blobs(rng)


def logits_and_truth(seed: int) -> tuple[npt.NDArray[np.float32], Mask]:
    """Return logits that are right more often than not, of a model that is ever surer."""
    rng = np.random.default_rng(seed)
    truth = blobs(rng)
    logits = (truth * 2 - 1 + rng.normal(scale=1.5, size=SHAPE)) * (seed + 1)
    return logits.astype(np.float32), truth


def as_tensor(mask: Mask) -> torch.Tensor:
    return torch.from_numpy(mask[None, None].astype(np.float32))


@pytest.mark.xdist_group("monai")
@pytest.mark.parametrize("seed", SEEDS)
def test_counts_are_scikit_learns_metrics(seed: int) -> None:
    from monai.metrics import DiceMetric

    predicted, truth = mask_pair(seed)
    counts = count_pixels(predicted, truth)
    ours, theirs = predicted.ravel(), truth.ravel()

    assert counts.iou == pytest.approx(jaccard_score(theirs, ours))
    assert counts.accuracy == pytest.approx(accuracy_score(theirs, ours))
    assert counts.sensitivity == pytest.approx(recall_score(theirs, ours))
    assert counts.specificity == pytest.approx(recall_score(~theirs, ~ours))
    assert counts.precision == pytest.approx(precision_score(theirs, ours))
    assert counts.f1 == pytest.approx(f1_score(theirs, ours))
    assert counts.dice == pytest.approx(DiceMetric()(as_tensor(predicted), as_tensor(truth)).item())


def test_counts_add_up_and_know_what_is_not_there() -> None:
    assert PixelCounts(1, 2, 3, 4) + PixelCounts(10, 20, 30, 40) == PixelCounts(11, 22, 33, 44)
    nothing = count_pixels(NOTHING, NOTHING)
    assert nothing == PixelCounts(tn=NOTHING.size)
    assert nothing.absent
    assert not nothing.missed
    for metric in (nothing.iou, nothing.dice, nothing.f1, nothing.sensitivity, nothing.precision):
        assert math.isnan(metric)
    assert nothing.specificity == nothing.accuracy == 1
    assert math.isnan(PixelCounts().accuracy)
    missed = count_pixels(NOTHING, EVERYWHERE)
    assert missed.missed
    assert missed.dice == missed.sensitivity == 0
    assert not count_pixels(EVERYWHERE, NOTHING).missed


@pytest.mark.xdist_group("monai")
@pytest.mark.parametrize("spacing", [(1.0, 1.0), (3.9, 11.7)])
@pytest.mark.parametrize("seed", SEEDS)
def test_distances_are_monais(seed: int, spacing: tuple[float, float]) -> None:
    from monai.metrics import HausdorffDistanceMetric, SurfaceDistanceMetric

    predicted, truth = mask_pair(seed)
    both = as_tensor(predicted), as_tensor(truth)
    hd95 = HausdorffDistanceMetric(include_background=True, percentile=95)
    mean = SurfaceDistanceMetric(include_background=True, symmetric=True)

    found = surface_distances(predicted, truth, spacing)

    assert found.hd95 == pytest.approx(hd95(*both, spacing=spacing).item(), rel=1e-5)
    assert found.mean == pytest.approx(mean(*both, spacing=spacing).item(), rel=1e-5)


def test_distances_need_both_masks() -> None:
    for pair in ((NOTHING, EVERYWHERE), (EVERYWHERE, NOTHING), (NOTHING, NOTHING)):
        assert all(math.isnan(each) for each in surface_distances(*pair))
        assert all(math.isnan(each) for each in boundary_error(*pair, EVERYWHERE))


def test_the_boundary_error_is_the_mean_over_the_a_scans_that_show_both() -> None:
    truth, predicted = NOTHING.copy(), NOTHING.copy()
    truth[10:20, :4] = True
    predicted[12:20, :2] = True
    predicted[9:23, 2] = True
    predicted[10:20, 5] = True

    top, bottom = boundary_error(predicted, truth, EVERYWHERE)

    assert top == pytest.approx((2 + 2 + 1) / 3)
    assert bottom == pytest.approx((0 + 0 + 3) / 3)


def test_a_boundary_that_nobody_labelled_is_not_measured() -> None:
    truth, predicted, counted = NOTHING.copy(), NOTHING.copy(), EVERYWHERE.copy()
    truth[10:20, :2] = True
    predicted[8:21, :2] = True
    counted[:10, 0] = False

    top, bottom = boundary_error(predicted, truth, counted)

    assert (top, bottom) == (2, 1), "the first A-scan's top is cut, not found"
    at_the_border = truth[10:]
    assert boundary_error(at_the_border, at_the_border, EVERYWHERE[10:]) == (0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_scikit_learns(seed: int) -> None:
    logits, truth = logits_and_truth(seed)
    found = measure_confidence(LogitWindow(0, 0, logits), truth, EVERYWHERE)
    expected = average_precision_score(truth.ravel(), logits.ravel().astype(np.float64))

    assert found.average_precision == pytest.approx(expected, abs=1e-3)


def test_average_precision_is_pooled_by_adding() -> None:
    pairs = [logits_and_truth(seed) for seed in (0, 1, 2)]
    first, *others = (measure_confidence(LogitWindow(0, 0, a), b, EVERYWHERE) for a, b in pairs)
    pooled = first + others[0] + others[1]
    logits, truths = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))

    expected = average_precision_score(truths, logits)
    assert pooled.average_precision == pytest.approx(expected, abs=1e-3)
    assert abs(pooled.average_precision - first.average_precision) > 0.01


def test_what_lies_outside_the_window_is_not_the_class() -> None:
    logits, truth = logits_and_truth(3)
    full = np.full(SHAPE, -np.inf)
    full[5:30, 10:50] = logits[5:30, 10:50]
    found = measure_confidence(LogitWindow(5, 10, logits[5:30, 10:50]), truth, EVERYWHERE)

    expected = average_precision_score(truth.ravel(), np.nan_to_num(full, neginf=-99).ravel())
    assert found.average_precision == pytest.approx(expected, abs=1e-3)
    nowhere = measure_confidence(LogitWindow(0, 0, logits), NOTHING, EVERYWHERE)
    assert math.isnan(nowhere.average_precision)


def test_a_judged_mask_has_every_metric_and_those_of_the_other_modules() -> None:
    logits, truth = logits_and_truth(4)
    predicted = logits > 0
    bscan = LabelledBScan("a", np.zeros(SHAPE, np.uint8), np.where(truth, 3, 1).astype(np.uint8))

    judged = judge_mask(bscan, 3, LogitWindow(0, 0, logits), axial_um=2.0)

    metrics = judged.score.metrics
    assert list(metrics) == [each.key for each in (*PIXEL_METRICS, *SHAPE_METRICS)]
    assert list(judge_absent(bscan, 4).score.metrics) == list(metrics)
    assert metrics["dice"] == metrics["f1"] == dice(predicted, truth) == judged.score.dice
    assert metrics["hd95_px"] == surface_distances(predicted, truth).hd95
    top, bottom = boundary_error(predicted, truth, EVERYWHERE)
    assert metrics["boundary_error_px"] == pytest.approx((top + bottom) / 2)
    assert metrics["boundary_error_um"] == pytest.approx(top + bottom)
    assert metrics["betti_error"] == sum(betti_error(predicted, truth))
    assert metrics["betti_matching_error"] == sum(betti_matching_error(predicted, truth))
    assert metrics["cl_dice"] == cl_dice(predicted, truth)
    np.testing.assert_array_equal(judged.truth, truth)
    without = judge_mask(bscan, 3, LogitWindow(0, 0, logits)).score.metrics
    assert math.isnan(without["boundary_error_um"])


def test_unlabelled_pixels_count_nowhere() -> None:
    logits, truth = logits_and_truth(5)
    labels = truth.astype(np.uint8)
    labels[:, 20:30] = NOT_LABELLED
    image = np.zeros(SHAPE, np.uint8)

    def judged(values: npt.NDArray[np.float32]) -> dict[str, float]:
        window = LogitWindow(0, 0, values)
        return dict(judge_mask(LabelledBScan("a", image, labels), 1, window).score.metrics)

    opposite = logits.copy()
    opposite[:, 20:30] *= -1
    found = judged(logits)

    assert judged(opposite) == found
    counted = labels != NOT_LABELLED
    ours, theirs = (logits > 0)[counted], truth[counted]
    assert found["dice"] == pytest.approx(f1_score(theirs, ours))
    assert found["accuracy"] == pytest.approx(accuracy_score(theirs, ours))
    expected = average_precision_score(theirs, logits[counted])
    assert found["average_precision"] == pytest.approx(expected, abs=1e-3)


def test_dice_of_known_masks() -> None:
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    predicted = np.zeros((4, 4), bool)
    predicted[1:3] = True
    assert dice(predicted, truth) == 0.5
    assert dice(truth, truth) == 1.0
    assert dice(~truth, truth) == 0.0
    assert math.isnan(dice(NOTHING, NOTHING)), "absent is neither good nor bad"
    assert dice(predicted, np.ones((4, 4), bool), counted=predicted) == 1.0


def test_prompts_for_a_class_lie_on_it() -> None:
    mask = np.zeros((20, 40), bool)
    mask[5:8, 10:31] = True
    assert class_prompt(mask, 3, "box").box == Box(5, 10, 7, 30)
    assert class_prompt(mask, 3, "box", loose=2).box == Box(3, 8, 9, 32)
    assert class_prompt(mask, 3, "box", loose=15).box == Box(0, 0, 19, 39)
    (point,) = class_prompt(mask, 3, "point").points
    assert point.row == 6
    assert mask[int(point.row), int(point.col)]
