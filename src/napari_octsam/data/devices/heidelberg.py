"""What Heidelberg's formats have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["BOUNDARIES", "BOUNDARY_NAMES", "DEVICE", "displayed", "heights"]

DEVICE = "Heidelberg Spectralis"

BOUNDARIES = {
    0: "ILM", 1: "BM", 2: "RNFL", 3: "GCL", 4: "IPL", 5: "INL", 6: "OPL", 8: "ELM", 11: "CHO",
    14: "EZ", 15: "IZ", 16: "RPE",
}  # fmt: skip
"""Names by the number of a boundary."""

BOUNDARY_NAMES = {**{name: name for name in BOUNDARIES.values()}, "PR1": "EZ", "PR2": "IZ"}
"""Names by those that HEYEX writes."""

_NO_DATA = 1e30


def displayed(raw: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Return raw intensities, 0 to 1, as the grey that HEYEX shows: the fourth root of them.

    What the device has not scanned is black.
    """
    seen = np.where(np.isfinite(raw) & (raw >= 0) & (raw <= 1), raw, 0)
    return np.asarray(np.rint(255 * np.sqrt(np.sqrt(seen))), np.uint8)


def heights(
    bscans: Sequence[Mapping[int, npt.NDArray[np.float32]]], cols: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Return boundaries by name, (n, cols) rows, from those of each B-scan by number.

    A boundary that is nowhere is left out; where it is missing it is NaN.
    """
    found = {}
    for number, name in BOUNDARIES.items():
        rows = np.full((len(bscans), cols), np.nan, np.float32)
        for each, bscan in zip(rows, bscans, strict=True):
            if number in bscan:
                each[:] = bscan[number]
        rows[~(np.isfinite(rows) & (rows > 0) & (rows < _NO_DATA))] = np.nan
        if not np.isnan(rows).all():
            found[name] = rows
    return found
