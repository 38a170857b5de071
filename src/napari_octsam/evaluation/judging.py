"""Everything about one predicted mask against the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.core.masks import Mask
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import (
    PIXEL_METRICS,
    SHAPE_METRICS,
    Confidence,
    Metrics,
    ObjectCalibration,
    PixelCounts,
    boundary_error,
    count_pixels,
    mean_known,
    measure_confidence,
    surface_distances,
)
from napari_octsam.topology.metrics import betti_error, betti_matching_error, cl_dice

__all__ = ["ClassScore", "JudgedMask", "judge_absent", "judge_mask", "pixel_metrics"]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """Metrics of one class on one B-scan.

    Parameters
    ----------
    bscan
        Name of the B-scan.
    class_value
        Label value of the class.
    counts
        Of its labelled pixels.
    metrics
        One for each of `PIXEL_METRICS` and `SHAPE_METRICS`.
    """

    bscan: str
    class_value: int
    counts: PixelCounts
    metrics: Metrics

    @property
    def dice(self) -> float:
        """Dice, 0 to 1, or NaN where the class is absent."""
        return self.counts.dice


@dataclass(frozen=True, slots=True, eq=False)
class JudgedMask:
    """A score with what it came from, which is too much to keep for every B-scan.

    Parameters
    ----------
    score
        The metrics.
    confidence
        For the average precision of many B-scans; empty where nothing was predicted.
    bscan
        The B-scan and its labels.
    predicted
        (H, W) bool.
    calibration
        How right the model was about its masks, where it was asked.
    """

    score: ClassScore
    confidence: Confidence
    bscan: LabelledBScan
    predicted: Mask
    calibration: ObjectCalibration | None = None

    @property
    def truth(self) -> Mask:
        """(H, W) bool."""
        truth: Mask = self.bscan.labels == self.score.class_value
        return truth


def judge_mask(
    bscan: LabelledBScan, class_value: int, window: LogitWindow, axial_um: float | None = None
) -> JudgedMask:
    """Compare the predicted mask of a class with a B-scan's labels.

    Pixels that nobody labelled count nowhere: both masks end there.

    Parameters
    ----------
    window
        Predicted logits.
    axial_um
        µm per pixel along the A-scan; None where it is not known.
    """
    counted = bscan.labels != NOT_LABELLED
    truth = bscan.labels == class_value
    predicted = window.mask(truth.shape) & counted
    counts = count_pixels(predicted, truth, counted)
    confidence = measure_confidence(window, truth, counted)
    metrics = {
        **pixel_metrics(counts, confidence),
        **_shape_metrics(predicted, truth, counted, axial_um),
    }
    return JudgedMask(
        ClassScore(bscan.name, class_value, counts, metrics), confidence, bscan, predicted
    )


def judge_absent(bscan: LabelledBScan, class_value: int) -> JudgedMask:
    """Return the score of a class that a B-scan does not show and that nobody asked for."""
    metrics = {metric.key: math.nan for metric in (*PIXEL_METRICS, *SHAPE_METRICS)}
    score = ClassScore(bscan.name, class_value, PixelCounts(), metrics)
    return JudgedMask(score, Confidence(), bscan, np.zeros(bscan.labels.shape, bool))


def pixel_metrics(counts: PixelCounts, confidence: Confidence) -> Metrics:
    """Return each of `PIXEL_METRICS`, of one mask or of many together."""
    return {
        "iou": counts.iou,
        "dice": counts.dice,
        "f1": counts.f1,
        "accuracy": counts.accuracy,
        "specificity": counts.specificity,
        "sensitivity": counts.sensitivity,
        "precision": counts.precision,
        "average_precision": confidence.average_precision,
    }


def _shape_metrics(
    predicted: Mask, truth: Mask, counted: Mask, axial_um: float | None
) -> dict[str, float]:
    surfaces = surface_distances(predicted, truth)
    boundary = boundary_error(predicted, truth, counted)
    error = mean_known(boundary)
    return {
        "hd95_px": surfaces.hd95,
        "surface_distance_px": surfaces.mean,
        "top_error_px": boundary.top,
        "bottom_error_px": boundary.bottom,
        "boundary_error_px": error,
        "boundary_error_um": math.nan if axial_um is None else error * axial_um,
        "betti_error": float(sum(betti_error(predicted, truth))),
        "betti_matching_error": float(sum(betti_matching_error(predicted, truth))),
        "cl_dice": cl_dice(predicted, truth),
    }
