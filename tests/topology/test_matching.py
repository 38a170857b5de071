"""Which bars stand for the truth: optimal, and as Betti matching chooses them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from benchmarks.oracles.cases import predicted_pair
from napari_octsam.topology.losses.bars import Bars, Filtration, costs_by_mask
from napari_octsam.topology.losses.matching import (
    match_spatially,
    match_wasserstein,
    wasserstein_gain,
)
from napari_octsam.topology.persistence.pairs import NEVER, Pairs
from napari_octsam.topology.persistence.truth import TrueTopology, Truths, true_topology

RECORDED = json.loads(
    (Path(__file__).parents[1] / "recorded" / "predicted_matching.json").read_text()
)


def chosen(bars: Bars, truth: TrueTopology) -> set[tuple[int, int]]:
    """Return the dimension and the place of each bar that is matched and ends."""
    pairs = bars.pairs
    matched = (match_spatially(bars, Truths([truth])) == 0) & ~pairs.endless
    places = np.where(pairs.dimension == 0, pairs.birth, pairs.death)
    return set(zip(pairs.dimension[matched].tolist(), places[matched].tolist(), strict=True))


def test_places_choose_nearly_the_bars_that_betti_matching_chooses() -> None:
    """Recorded by `python -m benchmarks.oracles`, from the Betti matching in topolosses 0.2.0."""
    filtration = Filtration(4, 0, logits=False, backend="cripser")
    both = theirs = ours = simple = 0
    for seed, recorded in enumerate(RECORDED):
        probabilities, mask = predicted_pair(seed)
        truth = true_topology(mask, 4)
        bars = filtration.bars(torch.from_numpy(probabilities)[None], ["mask"])
        mine = chosen(bars, truth)
        reference = {(d, place) for d, places in enumerate(recorded) for place in places}
        both += len(mine & reference)
        theirs += len(reference)
        ours += len(mine)
        one_piece = (truth.components, truth.holes) == (1, 0)
        if one_piece and mask.flat[bars.pairs.birth[bars.pairs.endless]].all():
            assert mine == reference
            simple += 1
    assert theirs > 300
    assert 0.97 < both / theirs < 0.99
    assert both / ours > 0.95
    assert simple > 200, "one piece whose brightest pixel is in it"


def squared_optimum(bars: npt.NDArray[np.float64], count: int) -> float:
    """Return the squared distance of (n, 2) bars to `count` bars (0, 1), by an assignment."""
    # rows: bars and a diagonal place for each true bar; columns: true bars and one for each bar
    births, deaths = bars.T
    size = len(bars) + count
    costs = np.zeros((size, size))
    costs[: len(bars), :count] = (births**2 + (1 - deaths) ** 2)[:, None]
    costs[: len(bars), count:] = ((deaths - births) ** 2 / 2)[:, None]
    costs[len(bars) :, :count] = 0.5
    return float(costs[linear_sum_assignment(costs)].sum())


BARS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted), max_size=6)


@settings(deadline=None, max_examples=200)
@given(
    each=st.tuples(BARS, BARS),
    endless=st.floats(0, 1),
    components=st.integers(0, 6),
    holes=st.integers(0, 6),
)
def test_without_places_the_distance_of_the_diagrams_is_reached(
    each: tuple[list[list[float]], list[list[float]]], endless: float, components: int, holes: int
) -> None:
    """Of finite bars in both dimensions, none at all too, and of the one that never ends."""
    finite = [np.reshape(bars, (-1, 2)) for bars in each]
    ends = np.concatenate([[[endless, 1]], *finite])
    dimension = np.repeat([0, 0, 1], [1, *map(len, finite)]).astype(np.int8)
    places = np.arange(len(ends))
    pairs = Pairs(places * 0, dimension, places, np.where(places == 0, NEVER, places))
    truth = TrueTopology(np.zeros((1, 1), np.int32), components, holes)

    targets = match_wasserstein(Bars(pairs, *ends.T), Truths([truth]))
    missing = np.array([components + holes - np.count_nonzero(targets == 0)])
    births, deaths = torch.from_numpy(ends).T
    cost = costs_by_mask(births, deaths, targets, missing, pairs.maps)

    forever = (endless - (0 if components else 1)) ** 2
    optimum = squared_optimum(finite[0], max(components - 1, 0)) + squared_optimum(finite[1], holes)
    assert cost.item() == pytest.approx(optimum + forever, abs=1e-12)


def test_sorting_by_length_would_not_be_optimal() -> None:
    """The case of {(0, .45), (.3, .7)} against one true bar: 0.281 and not 0.383."""
    births, deaths = np.array([0, 0.3]), np.array([0.45, 0.7])
    costs = (deaths - births) ** 2 / 2
    gain = wasserstein_gain(births, deaths)

    best = costs.sum() + 0.5 - gain.max()
    assert gain.argmax() == 1
    assert best == pytest.approx(0.281, abs=1e-3)
    assert costs.sum() + 0.5 - gain[(deaths - births).argmax()] == pytest.approx(0.383, abs=1e-3)
