"""Which bars of predictions Betti matching chooses, by the reference that topolosses carries."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from topolosses.losses.betti_matching.src import betti_matching as reference

from benchmarks.oracles.cases import PREDICTED_CASES, predicted_pair


def _record(seed: int) -> list[list[int]]:
    """Return the pixels where matched components are born and where matched holes end.

    Foreground hangs together by 4 neighbours; what never ends is left out.
    """
    probabilities, truth = predicted_pair(seed)
    found = reference.compute_matching([1 - probabilities], [1.0 - truth])[0]
    places = (
        found.input1_matched_birth_coordinates[0],
        found.input1_matched_death_coordinates[1],
    )
    return [
        np.ravel_multi_index(np.reshape(each, (-1, 2)).astype(int).T, truth.shape).tolist()
        for each in places
    ]


if __name__ == "__main__":
    recorded = [_record(seed) for seed in range(PREDICTED_CASES)]
    Path(sys.argv[1]).write_text(json.dumps(recorded) + "\n", "utf-8")
