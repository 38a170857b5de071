"""The persistence pairs of maps, by either backend, in threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

import cripser
import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.topology.persistence.pairs import NEVER, Connectivity, Pairs

__all__ = ["Backend", "persistence_pairs", "quickest_backend"]

Backend = Literal["cripser", "ranks"]
"""What computes the pairs; "ranks" is several times faster and needs the extra `fast`."""

_PIXELS_PER_THREAD = 50_000  # less is done sooner than a thread has started


def quickest_backend() -> Backend:
    """Return "ranks" where the extra `fast` is installed, else "cripser"."""
    try:
        import napari_octsam.topology.persistence.ranks  # noqa: F401
    except UserError:
        return "cripser"
    return "ranks"


def persistence_pairs(
    maps: npt.NDArray[np.floating],
    names: Sequence[str],
    connectivity: Connectivity = 8,
    backend: Backend = "cripser",
    threads: int = 1,
) -> Pairs:
    """Return the persistence pairs of the sublevel sets of maps, as cubical complexes.

    Computed by CubicalRipser (Kaji, Sudo, Ahara, arXiv:2005.12692), or by gudhi on ranks.

    Parameters
    ----------
    maps
        (M, H, W), finite, at least one pixel: what is low enters first.
    names
        What to call each map in an error.
    connectivity
        Of the sublevel sets.
    backend
        Both give the same diagram. Where pixels have equal values they may name different ones.
    threads
        Most that work at once, where there is enough for them: both backends let Python's other
        threads run.

    Raises
    ------
    ValueError
        The maps are empty or not of two dimensions.
    UserError
        A map, which is named, has NaN or infinite values, or the backend "ranks" is not installed.
    """
    if connectivity not in (4, 8) or backend not in get_args(Backend):
        raise ValueError(f"There is no connectivity {connectivity} or no backend {backend!r}.")
    if maps.ndim != 3 or not maps[0].size:
        raise ValueError(
            f"{names[0]} should have rows and columns, but its shape is {maps.shape[1:]}."
        )
    if not np.isfinite(maps).all():
        first = int(np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2)))[0])
        raise UserError(
            f"{names[first]} has NaN or infinite values: there are no pieces and holes to count."
        )
    if backend == "ranks":
        from napari_octsam.topology.persistence.ranks import (
            pairs_by_ranks as compute,  # gudhi is an extra
        )
    else:
        compute = _pairs_by_cripser
    threads = min(threads, len(maps), maps.size // _PIXELS_PER_THREAD)
    if threads < 2:
        return compute(maps, connectivity)
    shares = np.array_split(maps, threads)
    with ThreadPoolExecutor(threads) as pool:
        computed = list(pool.map(compute, shares, [connectivity] * threads))
    return _joined(computed, [len(share) for share in shares], maps[0].size)


def _joined(parts: Sequence[Pairs], lengths: Sequence[int], pixels: int) -> Pairs:
    """Return the pairs of parts of a stack, each of some maps of so many pixels."""
    firsts = np.cumsum([0, *lengths[:-1]])
    shifted = [
        (
            part.maps + first,
            part.dimension,
            part.birth + first * pixels,
            np.where(part.endless, NEVER, part.death + first * pixels),
        )
        for part, first in zip(parts, firsts, strict=True)
    ]
    return Pairs(*(np.concatenate(each) for each in zip(*shifted, strict=True)))


def _pairs_by_cripser(maps: npt.NDArray[np.floating], connectivity: Connectivity) -> Pairs:
    each = [_cripser_pairs(values, connectivity) for values in maps]
    return _joined(each, [1] * len(each), maps[0].size)


def _cripser_pairs(values: npt.NDArray[np.floating], connectivity: Connectivity) -> Pairs:
    line = min(values.shape) == 1  # cripser 0.0.37 takes a picture of one row for points apart
    found = cripser.compute_ph(
        values.ravel() if line else values,
        filtration="T" if connectivity == 8 else "V",
        maxdim=1,
    )
    places = found[:, 3:].astype(np.int64)
    stride = 1 if line else values.shape[1]
    return Pairs(
        maps=np.zeros(len(found), np.int64),
        dimension=found[:, 0].astype(np.int8),
        birth=places[:, 0] * stride + places[:, 1],
        death=np.where(np.isinf(found[:, 2]), NEVER, places[:, 3] * stride + places[:, 4]),
    )
