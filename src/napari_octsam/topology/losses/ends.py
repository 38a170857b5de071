"""Which end of a bar to move: a topological fault can be mended at either, the truth wants one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.topology.losses.bars import Bars, Floats
from napari_octsam.topology.persistence.backends import Backend, persistence_pairs
from napari_octsam.topology.persistence.pairs import NEVER, Connectivity
from napari_octsam.topology.persistence.truth import Truths

__all__ = ["Ends", "ends_to_move"]


class Ends(NamedTuple):
    """Of each bar, (n,)."""

    birth_moves: npt.NDArray[np.bool_]
    death_moves: npt.NDArray[np.bool_]
    death: npt.NDArray[np.int64]
    """Pixel where it ends, or `NEVER`."""


def ends_to_move(
    bars: Bars,
    targets: Floats,
    truths: Truths,
    maps: npt.NDArray[np.floating],
    connectivity: Connectivity,
    backend: Backend,
) -> Ends:
    """Choose the ends whose pixels are on the wrong side of the truth.

    An island goes by darkening it, but also by a bridge to the layer; a break is mended by a
    bridge, but also by darkening a piece. Where a piece that the mask at 1/2 shows meets the rest
    of its true component by a detour, its bar is taken to end inside the component: in the break.
    Where the truth wants neither end to move, both do.

    Parameters
    ----------
    targets
        Of the bars; see `matching.Matching`.
    maps
        (M, H, W): what the bars come from, high in the foreground.
    """
    pairs = bars.pairs
    matched = ~np.isnan(targets)
    death = pairs.death
    birth_moves = (truths.labels_at(pairs.maps, pairs.birth) > 0) == matched
    death_moves = ((truths.labels_at(pairs.maps, death) > 0) != matched) & ~pairs.endless
    shown = (bars.births < 0.5) & (bars.deaths >= 0.5)
    pieces = ~birth_moves & ~death_moves & (pairs.dimension == 0) & ~pairs.endless & shown
    if pieces.any():
        inside = _deaths_inside(maps, np.unique(pairs.maps[pieces]), truths, connectivity, backend)
        saddles = inside[pairs.birth]
        in_truth = truths.labels_at(pairs.maps, saddles) > 0
        bridged = pieces & (saddles != NEVER) & in_truth
        death = np.where(bridged, saddles, death)
        death_moves |= bridged
    neither = ~birth_moves & ~death_moves
    return Ends(birth_moves | neither, (death_moves | neither) & ~pairs.endless, death)


def _deaths_inside(
    maps: npt.NDArray[np.floating],
    chosen: npt.NDArray[np.int64],
    truths: Truths,
    connectivity: Connectivity,
    backend: Backend,
) -> npt.NDArray[np.int64]:
    """Return where components of the chosen maps end if only the truth is filtered.

    By the pixel of their birth, (M * H * W,); `NEVER` where none is born.
    """
    foreground = np.stack([truths[number].labels > 0 for number in chosen])
    filtered = -maps[chosen]
    only_truth = np.where(foreground, filtered, filtered.max() + 1)
    names = [f"Mask {number}" for number in chosen]
    pairs = persistence_pairs(only_truth, names, connectivity, backend)
    pairs = pairs[pairs.dimension == 0]
    shift = (chosen[pairs.maps] - pairs.maps) * maps[0].size
    ends = np.full(maps.size, NEVER)
    ends[pairs.birth + shift] = np.where(pairs.endless, NEVER, pairs.death + shift)
    return ends
