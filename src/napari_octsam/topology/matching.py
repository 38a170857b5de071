"""Which bars of a prediction stand for the components and holes of a binary truth.

A true mask has values 0 and 1 only, so that each of its bars is (0, 1) in the filtration 1 - p:
born at once, ending with the background. A bar that stands for none belongs on the diagonal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_octsam.topology.persistence import NEVER, Pairs
from napari_octsam.topology.truth import TrueTopology

__all__ = [
    "Floats",
    "Matching",
    "match_spatially",
    "match_wasserstein",
    "wasserstein_gain",
]

Floats = npt.NDArray[np.float64]

Matching = Callable[[Pairs, Floats, Floats, TrueTopology], Floats]
"""Takes pairs, the births and deaths of their bars, (n,), and the truth; returns where each bar
should be born, (n,): its death should be 1 then, and NaN sends it to the diagonal."""

_TRUE_BIRTH = 0.0


def match_spatially(pairs: Pairs, births: Floats, deaths: Floats, truth: TrueTopology) -> Floats:
    """Match each true component and hole with the longest bar that lies in it.

    A component's bar lies where it is born, a hole's where it ends. The bar that never ends
    counts as one that ends with the background, at 1: so an island that is brighter than the
    true component does not take its place. Where that bar is born in the one component of a
    truth without holes, this is Betti matching (Stucki et al., arXiv:2211.15272).
    """
    inside = np.where(
        pairs.dimension == 0,
        truth.labels.flat[pairs.birth],
        -truth.labels.flat[pairs.death],  # the pixel at NEVER is not used: dimension 0
    )
    owned = np.flatnonzero(inside > 0)
    longest_first = owned[np.argsort((births - deaths)[owned], kind="stable")]
    keys = inside[longest_first] * 2 + pairs.dimension[longest_first]
    _, first = np.unique(keys, return_index=True)
    targets = np.full(len(births), np.nan)
    targets[longest_first[first]] = _TRUE_BIRTH
    return targets


def match_wasserstein(pairs: Pairs, births: Floats, deaths: Floats, truth: TrueTopology) -> Floats:
    """Match bars so that the 2-Wasserstein distance to the truth's diagram is reached, exactly.

    The distance of diagrams as a loss: Hu et al., arXiv:1906.05404. All true bars are equal, so an
    optimal matching takes those bars that gain most by it. What
    never ends is matched with what never ends in the truth, which is born at 1 in an empty one.
    """
    endless = pairs.death == NEVER
    targets = np.where(endless, _TRUE_BIRTH if truth.components else 1.0, np.nan)
    gain = wasserstein_gain(births, deaths)
    for dimension, count in ((0, truth.components - 1), (1, truth.holes)):
        bars = np.flatnonzero((pairs.dimension == dimension) & ~endless & (gain > 0))
        targets[bars[np.argsort(-gain[bars], kind="stable")[: max(count, 0)]]] = _TRUE_BIRTH
    return targets


def wasserstein_gain(births: Floats, deaths: Floats) -> Floats:
    """Return what matching a bar with (0, 1) saves against leaving both to the diagonal.

    With p = d - b and u = b + d - 1, the squared Euclidean distances p^2 / 2 and 1 / 2 to the
    diagonal less the distance b^2 + (1 - d)^2 = ((1 - p)^2 + u^2) / 2 come to p - u^2 / 2.
    """
    p, u = deaths - births, births + deaths - 1
    gain: Floats = p - u**2 / 2
    return gain
