"""Betti matching of two masks, exactly and in closed form.

Betti matching (Stucki et al., arXiv:2211.15272) matches the bars of two pictures by the bars of
their union that both map to. Between binary masks all bars are equal, and the reference
implementation (arXiv:2407.04683) orders them by the places of their pixels, row after row. Then
the flood that joins the components runs from the first row to the last, the one that fills the
holes from the last to the first, and what each of them meets is known without running it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.masks import Mask
from napari_octsam.topology.persistence.pairs import Connectivity
from napari_octsam.topology.persistence.truth import BettiNumbers, TrueTopology, true_topology

__all__ = ["BettiMatching", "betti_matching", "betti_matching_error", "match_topologies"]


class BettiMatching(NamedTuple):
    """How many components and holes are matched, and how many of each mask are not."""

    matched: BettiNumbers
    unmatched_predicted: BettiNumbers
    unmatched_true: BettiNumbers

    @property
    def error(self) -> BettiNumbers:
        """How many of both masks find no match; 0 is perfect."""
        return BettiNumbers(
            self.unmatched_predicted.components + self.unmatched_true.components,
            self.unmatched_predicted.holes + self.unmatched_true.holes,
        )


def betti_matching(predicted: Mask, truth: Mask, connectivity: Connectivity = 8) -> BettiMatching:
    """Match the components and holes of two (H, W) masks.

    Parameters
    ----------
    connectivity
        Of the foreground, 8 or 4; the reference implementation has 4.

    Raises
    ------
    ValueError
        The masks have different shapes.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"The masks are {predicted.shape} and {truth.shape}: compare equal ones.")
    ours, theirs = (true_topology(mask, connectivity) for mask in (predicted, truth))
    return match_topologies(ours, theirs, connectivity)


def match_topologies(
    ours: TrueTopology, theirs: TrueTopology, connectivity: Connectivity
) -> BettiMatching:
    """Match the components and holes of two masks of one shape that are labelled already."""
    union = true_topology((ours.labels > 0) | (theirs.labels > 0), connectivity)
    matched = BettiNumbers(
        _matched_components(ours, theirs, union, connectivity),
        _matched_holes(ours, theirs, union),
    )
    return BettiMatching(
        matched,
        BettiNumbers(ours.components - matched.components, ours.holes - matched.holes),
        BettiNumbers(theirs.components - matched.components, theirs.holes - matched.holes),
    )


def betti_matching_error(
    predicted: Mask, truth: Mask, connectivity: Connectivity = 8
) -> BettiNumbers:
    """Return how many components and holes of both masks find no match; 0 is perfect."""
    return betti_matching(predicted, truth, connectivity).error


def _matched_components(
    ours: TrueTopology, theirs: TrueTopology, union: TrueTopology, connectivity: Connectivity
) -> int:
    """Count the merges of the flood where a component of each mask ends at once.

    The component that never ends is matched with the one that never ends.
    """
    if not ours.components or not theirs.components:
        return 0
    members = np.arange(1, union.components + 1)
    has_ours, has_theirs = (
        ndimage.maximum(each.labels > 0, union.labels, members).astype(bool)
        for each in (ours, theirs)
    )
    met = np.argsort(_meeting(union.labels, union.components, connectivity), kind="stable")
    has_ours, has_theirs = has_ours[met], has_theirs[met]
    already = np.logical_or.accumulate(has_ours) & np.logical_or.accumulate(has_theirs)
    before = np.concatenate([[False], already[:-1]])
    return 1 + int((before & has_ours & has_theirs).sum())


def _meeting(
    labels: npt.NDArray[np.int32], components: int, connectivity: Connectivity
) -> npt.NDArray[np.int64]:
    """Return when the flood from the first row meets each component, (components,).

    It passes the edge to the right of a pixel after the one below it. With 8 neighbours each
    pixel is a square of cells, so that the first row of cells belongs to the first row of pixels.
    """
    rows, cols = labels.shape
    row, col = np.indices(labels.shape)
    when = (row - 1) * 2 * cols + 2 * col
    when[0] = 2 * np.arange(cols) - 1
    if connectivity == 8:
        when[0] -= 4 * rows * cols
    member = labels > 0
    first = np.full(components + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, labels[member], when[member])
    return first[1:]


def _matched_holes(ours: TrueTopology, theirs: TrueTopology, union: TrueTopology) -> int:
    """Count the holes of the union that the flood from the last row reaches first in both masks."""
    open_ = np.flatnonzero(union.labels <= 0)
    return len(np.intersect1d(_last_pixels(ours, open_), _last_pixels(theirs, open_)))


def _last_pixels(mask: TrueTopology, pixels: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return of each hole of a mask the last of these pixels that it has, if it has any."""
    holes = -mask.labels.flat[pixels]
    inside = holes > 0
    last = np.full(mask.holes + 1, -1)
    np.maximum.at(last, holes[inside], pixels[inside])
    return last[last >= 0]
