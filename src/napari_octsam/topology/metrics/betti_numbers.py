"""Metrics on the topology of a mask and on how far it is from the truth's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_octsam.core.masks import Mask
from napari_octsam.topology.persistence.pairs import Connectivity
from napari_octsam.topology.persistence.truth import BettiNumbers, true_topology

__all__ = ["betti_error", "betti_numbers", "cl_dice", "layer_order_violations"]


def betti_numbers(mask: Mask, connectivity: Connectivity = 8) -> BettiNumbers:
    """Return the Betti numbers of an (H, W) mask.

    Parameters
    ----------
    connectivity
        Of the foreground, 8 or 4; the background has the other one.
    """
    return true_topology(mask, connectivity).betti


def betti_error(predicted: Mask, truth: Mask, connectivity: Connectivity = 8) -> BettiNumbers:
    """Return the absolute differences of the Betti numbers of two (H, W) masks.

    They do not see where a component is: an island and a lost piece cancel. `betti_matching_error`
    does.
    """
    return betti_numbers(predicted, connectivity).error(betti_numbers(truth, connectivity))


def cl_dice(predicted: Mask, truth: Mask) -> float:
    """Return clDice, 0 to 1 (Shit et al., arXiv:2003.07311).

    The harmonic mean of the shares of each mask's skeleton that lie in the other mask.

    Returns
    -------
    NaN where both masks are empty: the class is absent, which is neither good nor bad.
    """
    if not predicted.any() or not truth.any():
        return 0.0 if predicted.any() or truth.any() else float("nan")
    precision = truth[_skeleton(predicted)].mean()
    sensitivity = predicted[_skeleton(truth)].mean()
    both = precision + sensitivity
    return float(2 * precision * sensitivity / both) if both else 0.0


def layer_order_violations(
    labels: npt.NDArray[np.integer], order: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Count in each A-scan how often a layer lies under one that belongs below it.

    Parameters
    ----------
    labels
        (H, W) class values.
    order
        Class values of the layers from the vitreous down. Pixels of any other value, not labelled
        ones (255) too, are passed over.

    Returns
    -------
    (W,) on the way down, the steps from a layer to one that belongs above it; 0 where the order
    holds.
    """
    depths = np.full(labels.shape, -1)
    for depth, value in enumerate(order):
        depths[labels == value] = depth
    rows = np.arange(len(labels))[:, None]
    last = np.maximum.accumulate(np.where(depths >= 0, rows, -1), axis=0)
    above = np.vstack([np.full((1, labels.shape[1]), -1), last[:-1]])
    before = np.where(above >= 0, np.take_along_axis(depths, above.clip(min=0), axis=0), -1)
    violations: npt.NDArray[np.int64] = ((depths >= 0) & (before > depths)).sum(axis=0)
    return violations


def _skeleton(mask: Mask) -> Mask:
    from skimage.morphology import skeletonize  # napari waits for imports, and needs no skeleton

    skeleton: Mask = skeletonize(mask)
    return skeleton
