"""Which bars of predictions stand for the components and holes of binary truths.

A true mask has values 0 and 1 only, so that each of its bars is (0, 1) in the filtration 1 - p:
born at once, ending with the background. A bar that stands for none belongs on the diagonal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_octsam.topology.losses.bars import Bars, Floats, places_in_groups
from napari_octsam.topology.persistence.truth import Truths

__all__ = ["Matching", "match_spatially", "match_wasserstein", "wasserstein_gain"]

Matching = Callable[[Bars, Truths], Floats]
"""Takes bars and the truths of their masks; returns where each bar should be born, (n,): its
death should be 1 then, and NaN sends it to the diagonal."""

_TRUE_BIRTH = 0.0


def match_spatially(bars: Bars, truths: Truths) -> Floats:
    """Match each true component and hole with the longest bar that lies in it.

    A component's bar lies where it is born, a hole's where it ends. The bar that never ends
    counts as one that ends with the background, at 1: so an island that is brighter than the
    true component does not take its place. Where that bar is born in the one component of a
    truth without holes, this is Betti matching (Stucki et al., arXiv:2211.15272).
    """
    pairs = bars.pairs
    component = pairs.dimension == 0
    labels = truths.labels_at(pairs.maps, np.where(component, pairs.birth, pairs.death))
    inside = np.where(component, labels, -labels)
    owned = np.flatnonzero(inside > 0)
    groups = (pairs.maps[owned], pairs.dimension[owned], inside[owned])
    place = places_in_groups((bars.births - bars.deaths)[owned], *groups)
    targets = np.full(len(inside), np.nan)
    targets[owned[place == 0]] = _TRUE_BIRTH
    return targets


def match_wasserstein(bars: Bars, truths: Truths) -> Floats:
    """Match bars so that the 2-Wasserstein distance to the truth's diagram is reached, exactly.

    The distance of diagrams as a loss: Hu et al., arXiv:1906.05404. All true bars are equal, so an
    optimal matching takes those bars that gain most by it. What never ends is matched with what
    never ends in the truth, which is born at 1 in an empty one.
    """
    pairs = bars.pairs
    component, endless = pairs.dimension == 0, pairs.endless
    there = np.where(component, truths.components[pairs.maps] - 1, truths.holes[pairs.maps])
    gain = wasserstein_gain(bars.births, bars.deaths)
    place = places_in_groups(-gain, pairs.maps, pairs.dimension, endless)
    targets = np.where((gain > 0) & (place < there), _TRUE_BIRTH, np.nan)
    forever = np.where(truths.components[pairs.maps] > 0, _TRUE_BIRTH, 1.0)
    return np.where(endless, forever, targets)


def wasserstein_gain(births: Floats, deaths: Floats) -> Floats:
    """Return what matching a bar with (0, 1) saves against leaving both to the diagonal.

    With p = d - b and u = b + d - 1, the squared Euclidean distances p^2 / 2 and 1 / 2 to the
    diagonal less the distance b^2 + (1 - d)^2 = ((1 - p)^2 + u^2) / 2 come to p - u^2 / 2.
    """
    p, u = deaths - births, births + deaths - 1
    gain: Floats = p - u**2 / 2
    return gain
