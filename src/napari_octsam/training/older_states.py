"""States of runs that an older version has written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["completed"]


def completed(
    state: dict[str, Any],
    trained: Mapping[str, Tensor],
    begins_at_zero: Collection[str],
    before: str,
) -> dict[str, Any]:
    """Return the state of a run with what its version did not have.

    That is zeros for weights, and `before`, the hash of those that it began with.

    The optimizer knows nothing of these, as of weights that have not had a gradient yet.

    Parameters
    ----------
    state
        From `FineTuning.state_dict`; it stays as it is.
    trained
        The weights that are trained, in the optimizer's order.
    begins_at_zero
        Names of weights that it may lack.
    """
    best = {"share": None, **state["best"]}
    state = {"before": before, "length": None, "first": None, **state, "best": best}
    lacking = {
        name: torch.zeros_like(weight)
        for name, weight in trained.items()
        if name in begins_at_zero and name not in state["learnt"]
    }
    if not lacking:
        return state
    optimizer = state["optimizer"]
    places = [place for place, name in enumerate(trained) if name in lacking]
    groups = [_with_new(group, places) for group in optimizer["param_groups"]]
    return {
        **state,
        "learnt": {**state["learnt"], **lacking},
        "best": {**best, "learnt": {**best["learnt"], **lacking}},
        "optimizer": {**optimizer, "param_groups": groups},
    }


def _with_new(group: dict[str, Any], places: Collection[int]) -> dict[str, Any]:
    """Return a group of an optimizer's state with parameters that it holds nothing of."""
    numbers = list(group["params"])
    for place in places:
        numbers.insert(place, -1 - place)  # the numbers of the others are from 0
    return {**group, "params": numbers}
