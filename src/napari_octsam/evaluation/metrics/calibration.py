"""How far a model's own judgement can be trusted: its predicted IoU, and the threshold of 0.5."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.masks import Mask
from napari_octsam.evaluation.metrics.counts import count_pixels
from napari_octsam.evaluation.metrics.metric import mean_known

__all__ = ["THRESHOLDS", "Calibration", "ObjectCalibration", "calibrate", "measure_calibration"]

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Probabilities at which masks are compared with the truth."""


@dataclass(frozen=True, slots=True)
class ObjectCalibration:
    """What a model thought of its masks of one object, and how they are.

    Parameters
    ----------
    predicted, actual
        IoU of each of SAM's three candidates, 0 to 1; empty for a model without candidates.
    dice
        Of the mask that is shown first, at each of `THRESHOLDS`.
    """

    predicted: tuple[float, ...]
    actual: tuple[float, ...]
    dice: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration of many objects together; NaN where it is not defined.

    Parameters
    ----------
    rank_correlation
        Spearman's, of predicted and actual IoU over all candidates of all objects, -1 to 1.
    rank_within
        Mean over the objects of Spearman's over the three candidates of one.
    iou_error
        Mean absolute difference of predicted and actual IoU.
    ranked_first, best
        Mean actual IoU of the candidate that the model ranks first, and of the best one.
    dice
        Mean Dice of the masks shown first, at each of `THRESHOLDS`.
    """

    rank_correlation: float
    rank_within: float
    iou_error: float
    ranked_first: float
    best: float
    dice: tuple[float, ...]


def measure_calibration(found: DecodedObject, truth: Mask, counted: Mask) -> ObjectCalibration:
    """Compare an object's masks with the truth.

    Parameters
    ----------
    truth
        (H, W) bool.
    counted
        (H, W) bool: pixels that somebody labelled.
    """
    shape = (truth.shape[0], truth.shape[1])
    shown = found.window()
    return ObjectCalibration(
        predicted=found.scores[1:],
        actual=tuple(
            count_pixels(each.window.mask(shape), truth, counted).iou
            for each in found.candidates[1:]
        ),
        dice=tuple(count_pixels(shown.mask(shape, t), truth, counted).dice for t in THRESHOLDS),
    )


def calibrate(objects: Sequence[ObjectCalibration]) -> Calibration:
    """Sum up the calibrations of at least one object."""
    chosen = [each for each in objects if each.predicted]
    predicted = [iou for each in chosen for iou in each.predicted]
    actual = [iou for each in chosen for iou in each.actual]
    firsts = [each.actual[int(np.argmax(each.predicted))] for each in chosen]
    return Calibration(
        rank_correlation=_rank_correlation(predicted, actual),
        rank_within=mean_known(_rank_correlation(e.predicted, e.actual) for e in chosen),
        iou_error=mean_known(abs(p - a) for p, a in zip(predicted, actual, strict=True)),
        ranked_first=mean_known(firsts),
        best=mean_known(max(each.actual) for each in chosen),
        dice=tuple(_column_means(each.dice for each in objects)),
    )


def _rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's, or NaN where one of the two is the same everywhere."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return math.nan
    return float(spearmanr(first, second).statistic)


def _column_means(rows: Iterable[tuple[float, ...]]) -> list[float]:
    return [mean_known(column) for column in zip(*rows, strict=True)]
