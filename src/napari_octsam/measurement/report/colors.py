"""Colours of a map: even steps of thickness are even steps to the eye."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["STOPS", "colored"]

STOPS = (
    "#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58",
    "#b5de2b", "#fde725",
)  # fmt: skip
"""Viridis at even steps (van der Walt and Smith, CC0), from thin to thick."""


def colored(
    heights: npt.NDArray[np.floating], limits: tuple[float, float]
) -> npt.NDArray[np.uint8]:
    """Return a map (H, W) in µm as (H, W, 4) uint8 colours; clear where it is NaN.

    Parameters
    ----------
    limits
        Thickness of the first and the last colour.
    """
    stops = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in STOPS])
    low, high = limits
    known = np.isfinite(heights)
    place = np.clip((np.where(known, heights, low) - low) / (high - low), 0, 1)
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(place, at, channel) for channel in stops.T]
    return np.stack([*channels, np.where(known, 255, 0)], axis=-1).round().astype(np.uint8)
