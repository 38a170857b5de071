"""Persistence pairs of a map: which pixel makes a component or a hole, and which one ends it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Literal, get_args

import cripser
import numpy as np
import numpy.typing as npt

__all__ = [
    "NEVER",
    "Backend",
    "Connectivity",
    "Pairs",
    "persistence_pairs",
    "persistence_pairs_of",
]

Connectivity = Literal[4, 8]
"""Neighbours that a foreground pixel hangs together with; the background has the other number.

8 is the T-construction (a pixel is a square with its edges and corners), 4 the V-construction
(a pixel is a vertex).
"""

Backend = Literal["cripser", "ranks"]
"""What computes the pairs; "ranks" is several times faster and needs the extra `fast`."""

_PIXELS_PER_THREAD = 50_000  # less is done sooner than a thread has started

NEVER = -1
"""Stands for the death of the one component that never dies."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Persistence pairs of an (H, W) map, those of zero length left out.

    Parameters
    ----------
    dimension
        (n,) int8: 0 components, 1 holes.
    birth, death
        (n,) int64 indices into the flattened map: the pixel whose value is the birth, the death.
        `death` is `NEVER` for exactly one pair of dimension 0.
    """

    dimension: npt.NDArray[np.int8]
    birth: npt.NDArray[np.int64]
    death: npt.NDArray[np.int64]


def persistence_pairs(
    values: npt.NDArray[np.floating], connectivity: Connectivity = 8, backend: Backend = "cripser"
) -> Pairs:
    """Return the persistence pairs of the sublevel sets of a map, as a cubical complex.

    Computed by CubicalRipser (Kaji, Sudo, Ahara, arXiv:2005.12692), or by gudhi on ranks.

    Parameters
    ----------
    values
        (H, W), finite, at least one pixel: what is low enters first.
    connectivity
        Of the sublevel sets.
    backend
        Both give the same diagram. Where pixels have equal values they may name different ones.

    Raises
    ------
    ValueError
        The map is empty, not of two dimensions, or has NaN or infinite values.
    UserError
        The backend "ranks" is not installed.
    """
    return persistence_pairs_of([values], ["The map"], connectivity, backend)[0]


def persistence_pairs_of(
    maps: Sequence[npt.NDArray[np.floating]],
    names: Sequence[str],
    connectivity: Connectivity = 8,
    backend: Backend = "cripser",
    threads: int = 1,
) -> list[Pairs]:
    """Return the pairs of several maps, computed in threads; see `persistence_pairs`.

    Parameters
    ----------
    names
        What to call each map in an error.
    threads
        Most that work at once, where there is enough for them: both backends let Python's other
        threads run.
    """
    if connectivity not in (4, 8) or backend not in get_args(Backend):
        raise ValueError(f"There is no connectivity {connectivity} or no backend {backend!r}.")
    for values, name in zip(maps, names, strict=True):
        _check(values, name)
    if backend == "ranks":
        from napari_octsam.topology.ranks import pairs_by_ranks as compute  # gudhi is an extra
    else:
        compute = _by_cripser
    threads = min(threads, sum(values.size for values in maps) // _PIXELS_PER_THREAD)
    if threads < 2 or len(maps) < 2:
        return compute(maps, connectivity)
    shares = [maps[i::threads] for i in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        computed = list(pool.map(compute, shares, repeat(connectivity)))
    return [computed[i % threads][i // threads] for i in range(len(maps))]


def _check(values: npt.NDArray[np.floating], name: str) -> None:
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{name} should have rows and columns, but its shape is {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has NaN or infinite values.")


def _by_cripser(
    maps: Sequence[npt.NDArray[np.floating]], connectivity: Connectivity
) -> list[Pairs]:
    return [_cripser_pairs(values, connectivity) for values in maps]


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
        dimension=found[:, 0].astype(np.int8),
        birth=places[:, 0] * stride + places[:, 1],
        death=np.where(np.isinf(found[:, 2]), NEVER, places[:, 3] * stride + places[:, 4]),
    )
