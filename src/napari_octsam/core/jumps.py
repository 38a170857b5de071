"""Where boundaries jump from one B-scan of a volume to the next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.boundaries import Boundaries

__all__ = ["jump_between", "odd_ones"]

_HIGH = 90  # percentile over the columns: a place, not a column, is what jumps
_LEAST = 8.0  # rows below which nothing is odd
_TIMES = 3.0  # the usual jump of the volume, from which one is odd


def jump_between(one: Boundaries, other: Boundaries) -> float:
    """Return by how many rows the boundary that differs most does, from a B-scan to the next.

    What all boundaries move together, as when an eye moves, does not count. NaN where they have no
    column in common.
    """
    if one.shape != other.shape:
        return float("nan")
    moved = other - one
    common = np.isfinite(moved).all(axis=0)
    if not len(moved) or not common.any():
        return float("nan")
    moved = moved[:, common] - np.median(moved[:, common])
    return float(np.percentile(np.abs(moved), _HIGH, axis=1).max())


def odd_ones(jumps: npt.NDArray[np.floating]) -> dict[int, float]:
    """Return which B-scans of a row of them stand out, with the rows that they jump by.

    One that differs from both neighbours; where only one step is odd, those on both sides of it.

    Parameters
    ----------
    jumps
        (n - 1,) from `jump_between` of each B-scan and the next; NaN where it is not known.
    """
    known = jumps[np.isfinite(jumps)]
    if not known.size:
        return {}
    odd = np.nan_to_num(jumps) > max(_LEAST, _TIMES * float(np.median(known)))
    padded = np.concatenate([[False], odd, [False]])
    both = padded[:-1] & padded[1:]  # of each B-scan: the step before it and the one after
    found: dict[int, float] = {}
    for step in np.flatnonzero(odd):
        sides = [int(step), int(step) + 1]
        for bscan in [side for side in sides if both[side]] or sides:
            found[bscan] = max(found.get(bscan, 0.0), float(jumps[step]))
    return found
