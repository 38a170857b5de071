"""Persistence pairs: which pixel makes a component or a hole of a map, and which one ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["NEVER", "Connectivity", "Pairs"]

Connectivity = Literal[4, 8]
"""Neighbours that a foreground pixel hangs together with; the background has the other number.

8 is the T-construction (a pixel is a square with its edges and corners), 4 the V-construction
(a pixel is a vertex).
"""

NEVER = -1
"""Stands for the death of the one component that never dies."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Persistence pairs of (M, H, W) maps, those of zero length left out.

    Parameters
    ----------
    maps
        (n,) int64 number of the map, rising.
    dimension
        (n,) int8: 0 components, 1 holes.
    birth, death
        (n,) int64 indices into the flattened maps: the pixel whose value is the birth, the death.
        `death` is `NEVER` for exactly one pair of dimension 0 in each map.
    """

    maps: npt.NDArray[np.int64]
    dimension: npt.NDArray[np.int8]
    birth: npt.NDArray[np.int64]
    death: npt.NDArray[np.int64]

    @property
    def endless(self) -> npt.NDArray[np.bool_]:
        """Whether each never dies, (n,)."""
        endless: npt.NDArray[np.bool_] = self.death == NEVER
        return endless

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> Pairs:
        """Return those that are chosen, (n,)."""
        return Pairs(
            self.maps[chosen], self.dimension[chosen], self.birth[chosen], self.death[chosen]
        )
