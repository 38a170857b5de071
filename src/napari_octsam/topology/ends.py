"""Which end of a bar to move: a topological fault can be mended at either, the truth wants one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.topology.matching import Floats
from napari_octsam.topology.persistence import (
    NEVER,
    Backend,
    Connectivity,
    Pairs,
    persistence_pairs,
)
from napari_octsam.topology.truth import TrueTopology

__all__ = ["Ends", "ends_to_move"]


class Ends(NamedTuple):
    """Of each bar of a mask, (n,)."""

    birth_moves: npt.NDArray[np.bool_]
    death_moves: npt.NDArray[np.bool_]
    death: npt.NDArray[np.int64]
    """Pixel where it ends."""


def ends_to_move(
    pairs: Pairs,
    bars: npt.NDArray[np.floating],
    targets: Floats,
    truth: TrueTopology,
    values: npt.NDArray[np.floating],
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
    pairs, targets
        Of the mask's bars; see `matching.Matching`.
    bars
        (n, 2) their births and deaths.
    values
        (H, W): what was filtered.
    """
    foreground = (truth.labels > 0).ravel()
    matched = ~np.isnan(targets)
    endless = pairs.death == NEVER
    death = np.where(endless, 0, pairs.death)
    birth_moves = foreground[pairs.birth] == matched
    death_moves = (foreground[death] != matched) & ~endless
    shown = (bars[:, 0] < 0.5) & (bars[:, 1] >= 0.5)
    pieces = ~birth_moves & ~death_moves & (pairs.dimension == 0) & ~endless & shown
    if pieces.any():
        inside = _deaths_inside(values, truth, connectivity, backend)
        for bar in np.flatnonzero(pieces):
            saddle = inside.get(int(pairs.birth[bar]), NEVER)
            if saddle != NEVER and foreground[saddle]:
                death[bar], death_moves[bar] = saddle, True
    neither = ~birth_moves & ~death_moves
    return Ends(birth_moves | neither, (death_moves | neither) & ~endless, death)


def _deaths_inside(
    values: npt.NDArray[np.floating],
    truth: TrueTopology,
    connectivity: Connectivity,
    backend: Backend,
) -> dict[int, int]:
    """Return where components end, by the pixel of their birth, if only the truth is filtered."""
    outside = values.max() + 1
    pairs = persistence_pairs(np.where(truth.labels > 0, values, outside), connectivity, backend)
    components = pairs.dimension == 0
    return dict(
        zip(pairs.birth[components].tolist(), pairs.death[components].tolist(), strict=True)
    )
