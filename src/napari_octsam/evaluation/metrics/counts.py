"""Pixels that a mask gets right and wrong, and the metrics that follow from their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_octsam.core.masks import Mask

__all__ = ["PixelCounts", "count_pixels", "dice"]


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """Numbers of pixels; those of several masks add up.

    Every metric is 0 to 1, and NaN where its formula divides by 0.

    Parameters
    ----------
    tp
        True positives: of the class, and found.
    fp
        False positives: not of the class, but marked.
    fn
        False negatives: of the class, but not found.
    tn
        True negatives: neither.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other: PixelCounts) -> PixelCounts:
        return PixelCounts(
            self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn
        )

    @property
    def absent(self) -> bool:
        """Whether the class is neither there nor marked."""
        return self.tp + self.fp + self.fn == 0

    @property
    def missed(self) -> bool:
        """Whether the class is there, but nothing is marked."""
        return self.tp + self.fp == 0 and self.fn > 0

    @property
    def iou(self) -> float:
        """Intersection over union, Jaccard index: tp / (tp + fp + fn)."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        """Share of all pixels that are right: (tp + tn) / (tp + fp + fn + tn)."""
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)

    @property
    def specificity(self) -> float:
        """Share of the other pixels that are left alone: tn / (tn + fp)."""
        return _ratio(self.tn, self.tn + self.fp)

    @property
    def sensitivity(self) -> float:
        """Share of the class that is found, recall: tp / (tp + fn)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def precision(self) -> float:
        """Share of what is marked that is right: tp / (tp + fp)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def dice(self) -> float:
        """Dice coefficient (Dice 1945): 2 tp / (2 tp + fp + fn)."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and sensitivity: of masks, the same as Dice."""
        return self.dice


def count_pixels(predicted: Mask, truth: Mask, counted: Mask | None = None) -> PixelCounts:
    """Compare two (H, W) masks.

    Parameters
    ----------
    counted
        (H, W) bool: pixels that somebody labelled; None counts all.
    """
    if counted is not None:
        predicted, truth = predicted[counted], truth[counted]
    tp = int(np.count_nonzero(predicted & truth))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(truth)) - tp
    return PixelCounts(tp, fp, fn, truth.size - tp - fp - fn)


def dice(predicted: Mask, truth: Mask, counted: Mask | None = None) -> float:
    """Return the Dice coefficient 2 |A and B| / (|A| + |B|) (Dice 1945), 0 to 1.

    Parameters
    ----------
    predicted, truth
        (H, W) bool.
    counted
        (H, W) bool: pixels that somebody labelled; None counts all.

    Returns
    -------
    NaN where both masks are empty: the class is absent, which is neither good nor bad.
    """
    return count_pixels(predicted, truth, counted).dice


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
