"""Figures for one mask against the truth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.evaluation.metrics.counts import count_pixels

__all__ = ["dice"]


def dice(
    predicted: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.bool_],
    counted: npt.NDArray[np.bool_] | None = None,
) -> float:
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
