"""Persistence pairs by gudhi's fast path for two dimensions, which returns no locations.

Fed with each pixel's rank instead of its value it returns ranks, and a rank names its pixel.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.topology.persistence.pairs import NEVER, Connectivity, Pairs

try:
    from gudhi.sklearn.cubical_persistence import CubicalPersistence
except ImportError as error:
    raise UserError(
        'The backend "ranks" needs gudhi: pip install "napari-octsam[fast]".'
    ) from error

__all__ = ["pairs_by_ranks"]

Diagram = npt.NDArray[np.float64]
"""(n, 2) births and deaths, infinite where there is none."""


def pairs_by_ranks(maps: npt.NDArray[np.floating], connectivity: Connectivity) -> Pairs:
    """Return the pairs of (M, H, W) maps; see `backends.persistence_pairs`."""
    orders = [_order(values.ravel()) for values in maps]  # one by one: a map fits the cache
    ranked = [_ranks(order, maps.shape[1:]) for order in orders]
    diagrams = (_of_squares if connectivity == 8 else _of_vertices)(ranked)
    return _named(np.stack(orders), maps, diagrams)


def _ranks(order: npt.NDArray[np.int64], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    ranks = np.empty(order.size)
    ranks[order] = np.arange(order.size)
    return ranks.reshape(shape)


def _order(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return the indices that sort a flat map, equal values in the order of their pixels.

    Float32 is sorted by its bits, which follow the values once negative ones are flipped: two
    radix sorts of 16 bits each are several times quicker than one comparison sort.
    """
    if values.dtype != np.float32:
        return np.argsort(values, kind="stable")
    bits = (values + np.float32(0)).view(np.int32)  # -0 becomes 0
    keys = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    low = np.argsort(keys.astype(np.uint16), kind="stable")
    return low[np.argsort((keys >> 16).astype(np.int16)[low], kind="stable")]


def _of_squares(ranked: list[npt.NDArray[np.float64]]) -> list[list[Diagram]]:
    """Return the diagrams of dimensions 0 and 1 of the T-constructions."""
    diagrams: list[list[Diagram]] = CubicalPersistence([0, 1]).fit_transform(ranked)
    return diagrams


def _of_vertices(ranked: list[npt.NDArray[np.float64]]) -> list[list[Diagram]]:
    """Return the diagrams of dimensions 0 and 1 of the V-constructions.

    By duality (Bleile, Garin, Heiss, Maggs, Robins, arXiv:2105.08868): what is a component here
    is a hole in the T-construction of the negative with a frame around it, and the reverse.
    """
    last = ranked[0].size - 1
    framed = [np.pad(last - ranks, 1, constant_values=-1) for ranks in ranked]
    return [_mirrored(last, *found) for found in _of_squares(framed)]


def _mirrored(last: int, components: Diagram, holes: Diagram) -> list[Diagram]:
    """Return the diagrams of dimensions 0 and 1 from those of the framed negative."""
    by_frame = holes[:, 0] < 0
    outer = np.isinf(components[:, 1])
    lowest = [[0.0, np.inf]]
    return [
        np.concatenate([last - holes[~by_frame, ::-1], lowest]),
        last - components[~outer, ::-1],
    ]


def _named(
    orders: npt.NDArray[np.int64], maps: npt.NDArray[np.floating], diagrams: list[list[Diagram]]
) -> Pairs:
    """Turn diagrams of ranks into pairs of pixels, without those of equal values."""
    lengths = [[len(diagram) for diagram in found] for found in diagrams]
    numbers = np.repeat(np.arange(len(maps)), np.sum(lengths, axis=1))
    dimension = np.repeat(np.tile(np.arange(2, dtype=np.int8), len(maps)), np.ravel(lengths))
    ranks = np.concatenate([diagram for found in diagrams for diagram in found])
    endless = np.isinf(ranks[:, 1])
    ranks[endless, 1] = 0
    first = numbers * orders.shape[1]
    flat = maps.ravel()
    birth, death = (orders.take(first + column) + first for column in ranks.T.astype(np.int64))
    lasting = endless | (flat[birth] < flat[death])
    return Pairs(numbers, dimension, birth, np.where(endless, NEVER, death))[lasting]
