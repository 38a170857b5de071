"""Average precision, from histograms of the logits: those of many B-scans add up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_octsam.core.decoded import LogitWindow

__all__ = ["Confidence", "measure_confidence"]

_BINS = 4096
_LIMIT = 8.0  # asinh of half a logit of 2981


def _nothing() -> npt.NDArray[np.int64]:
    return np.zeros(_BINS, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Confidence:
    """How sure a model is of the pixels of a class, and of the others; by default, of none.

    Parameters
    ----------
    positives, negatives
        (bins,) int64: pixels of the class and other ones in bins of the logit, lowest first. The
        bins are even in its asinh: a sure model's probabilities crowd at 0 and 1, while its logits
        go far.
    """

    positives: npt.NDArray[np.int64] = field(default_factory=_nothing)
    negatives: npt.NDArray[np.int64] = field(default_factory=_nothing)

    def __add__(self, other: Confidence) -> Confidence:
        return Confidence(self.positives + other.positives, self.negatives + other.negatives)

    @property
    def average_precision(self) -> float:
        """Sum over the thresholds of precision times gain in recall, 0 to 1.

        As scikit-learn defines it, with the pixels of a bin taken as equally probable; NaN where
        no pixel is of the class.
        """
        gains, errors = self.positives[::-1], self.negatives[::-1]
        total = gains.sum()
        if not total:
            return float("nan")
        found = gains.cumsum()
        precision = found / np.maximum(found + errors.cumsum(), 1)
        return float((gains * precision).sum() / total)


def measure_confidence(
    window: LogitWindow, truth: npt.NDArray[np.bool_], counted: npt.NDArray[np.bool_]
) -> Confidence:
    """Sort the pixels of a B-scan by their logits.

    Parameters
    ----------
    window
        Predicted logits. All pixels outside the window are in the lowest bin.
    truth
        (H, W) bool.
    counted
        (H, W) bool: pixels that somebody labelled.
    """
    heights = np.clip(np.arcsinh(window.logits / 2), -_LIMIT, _LIMIT)
    places = (heights + _LIMIT) * (_BINS / (2 * _LIMIT))
    bins = np.zeros(truth.shape, np.intp)
    bins[window.window] = np.minimum(places, _BINS - 1)
    return Confidence(
        np.bincount(bins[truth & counted], minlength=_BINS),
        np.bincount(bins[~truth & counted], minlength=_BINS),
    )
