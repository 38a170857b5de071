"""Betti matching by the reference implementation that topolosses carries, on the recorded cases."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from topolosses.losses.betti_matching.src import betti_matching as reference

from benchmarks.oracles.cases import EMPTY_CASES, MATCHING_CASES, mask_pair, refined
from napari_octsam.core.masks import Mask


def _record(first: Mask, second: Mask) -> list[list[int]]:
    """Return matched, unmatched of the first, of the second: components and holes of each.

    The reference counts no component that never ends.
    """
    found = reference.compute_matching([1.0 - first], [1.0 - second])[0]
    each = (found.num_matched, found.num_unmatched_input1, found.num_unmatched_input2)
    return [[int(n) for n in numbers] for numbers in each]


if __name__ == "__main__":
    recorded = []
    for seed in range(MATCHING_CASES + EMPTY_CASES):
        first, second = mask_pair(seed)
        recorded.append(
            {"4": _record(first, second), "8": _record(refined(first), refined(second))}
        )
    Path(sys.argv[1]).write_text(json.dumps(recorded) + "\n", "utf-8")
