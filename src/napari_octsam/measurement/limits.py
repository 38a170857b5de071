"""Round limits of a colour bar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["round_limits"]

_SHARE = 0.2  # %, of the lowest and of the highest columns that may be beyond the bar
_STEP = 10.0  # µm


def round_limits(heights: npt.NDArray[np.floating]) -> tuple[float, float] | None:
    """Return the µm from and to which a map's colours go; None where it knows nothing.

    Single columns, such as those of a vessel, do not stretch them.
    """
    known = heights[np.isfinite(heights)]
    if not known.size:
        return None
    low, high = np.percentile(known, (_SHARE, 100 - _SHARE))
    low, high = float(np.floor(low / _STEP) * _STEP), float(np.ceil(high / _STEP) * _STEP)
    return low, max(high, low + _STEP)
