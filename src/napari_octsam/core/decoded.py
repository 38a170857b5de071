"""What a model decodes: logits on its own coarse grid, and at the resolution of the B-scan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from napari_octsam.core.resampling import Resampling, Steps, interpolation

__all__ = [
    "CANDIDATES",
    "CoarseMask",
    "DecodedObject",
    "ExactMask",
    "LogitGrid",
    "LogitWindow",
    "threshold_logit",
]

CANDIDATES = 4
"""Masks per object: 0 is SAM's single-mask output, 1 to 3 its three candidates."""

_FLOOR = math.log(0.01 / 0.99)
"""Logit of the lowest threshold: what lies below is background for every one."""

_FIRST = slice(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class LogitWindow:
    """Logits of one mask, cut to the window that can hold foreground.

    Parameters
    ----------
    row, col
        Pixel of the B-scan where the window begins.
    logits
        (h, w) float32: log-odds that the pixel belongs to the object. Outside the window the
        object is not.
    """

    row: int
    col: int
    logits: npt.NDArray[np.float32]

    @property
    def window(self) -> tuple[slice, slice]:
        """Index of the window in an (H, W) image of the B-scan."""
        h, w = self.logits.shape
        return slice(self.row, self.row + h), slice(self.col, self.col + w)

    def mask(self, shape: tuple[int, int], threshold: float = 0.5) -> npt.NDArray[np.bool_]:
        """Return the (H, W) mask of the pixels whose probability exceeds `threshold`."""
        full = np.zeros(shape, bool)
        full[self.window] = self.logits > threshold_logit(threshold)
        return full


@dataclass(frozen=True, slots=True)
class LogitGrid:
    """How a model's low-resolution logits become those of a B-scan.

    Parameters
    ----------
    size
        Rows and columns of the logits.
    row_steps, col_steps
        The interpolations along each axis.
    """

    size: tuple[int, int]
    row_steps: Steps
    col_steps: Steps

    @property
    def rows(self) -> Resampling:
        """From rows of the logits to rows of the B-scan."""
        return interpolation(self.size[0], self.row_steps)

    @property
    def cols(self) -> Resampling:
        """From columns of the logits to columns of the B-scan."""
        return interpolation(self.size[1], self.col_steps)

    @property
    def extent(self) -> tuple[int, int]:
        """Rows and columns of the logits that the B-scan depends on; the rest is padding."""
        return self.rows.extent, self.cols.extent


@dataclass(frozen=True, eq=False)
class CoarseMask:
    """Low-resolution logits of one mask; those of the B-scan are made when they are asked for.

    Most masks are never looked at, and the coarse ones are a tenth of the size.

    Parameters
    ----------
    grid
        What the logits lie on.
    row, col
        Place on the grid where `logits` begins.
    logits
        (h, w) float32, cut to what the window depends on.
    """

    grid: LogitGrid
    row: int
    col: int
    logits: npt.NDArray[np.float32]

    @classmethod
    def cut(cls, logits: npt.NDArray[np.float32], grid: LogitGrid) -> CoarseMask:
        """Cut (h, w) logits that begin at the grid's first place."""
        tall, wide = _bounds(logits)
        from_rows, from_cols = _needed(tall, grid.rows), _needed(wide, grid.cols)
        return cls(grid, from_rows.start, from_cols.start, logits[from_rows, from_cols].copy())

    @cached_property
    def window(self) -> LogitWindow:
        """The logits of the B-scan, in the bounding box of a probability above 0.01.

        The values are those of segment_anything's `Sam.postprocess_masks`. Where no pixel is
        above, the window is one pixel.
        """
        rows, cols = self.logits.shape
        in_rows = self.grid.rows.made_of(slice(self.row, self.row + rows)) or _FIRST
        in_cols = self.grid.cols.made_of(slice(self.col, self.col + cols)) or _FIRST
        wide = self.grid.cols.apply(self.logits.T, self.col, in_cols).T
        full = self.grid.rows.apply(wide, self.row, in_rows)
        top, left = _bounds(full)
        return LogitWindow(in_rows.start + top.start, in_cols.start + left.start, full[top, left])


@dataclass(frozen=True, slots=True, eq=False)
class ExactMask:
    """A mask whose logits are those of the B-scan from the beginning.

    Parameters
    ----------
    window
        As of a `CoarseMask`.
    """

    window: LogitWindow


@dataclass(frozen=True, slots=True, eq=False)
class DecodedObject:
    """The masks of one prompt.

    Parameters
    ----------
    candidates
        0 is the single mask, 1 to 3 the candidates, best first: `CANDIDATES` in all, or the single
        mask alone where the model never learnt the others.
    scores
        Predicted IoU of each, 0 to 1.
    chosen
        Index of the mask to show first.
    """

    candidates: tuple[CoarseMask | ExactMask, ...]
    scores: tuple[float, ...]
    chosen: int

    def index(self, wanted: int) -> int:
        """Return the index of the candidate that a person wants; of `chosen` for 0 or none such."""
        return wanted if 0 < wanted < len(self.candidates) else self.chosen

    def window(self, wanted: int = 0) -> LogitWindow:
        """Return the logits of the candidate that a person wants; see `index`."""
        return self.candidates[self.index(wanted)].window


def threshold_logit(threshold: float) -> np.float32:
    """Return the logit of a probability in (0, 1): ln(p / (1 - p))."""
    return np.float32(np.log(threshold / (1.0 - threshold)))


def _bounds(logits: npt.NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the bounding box of the logits above the floor; of one place where there are none."""
    in_rows = np.flatnonzero((logits > _FLOOR).any(axis=1))
    if not len(in_rows):
        return _FIRST, _FIRST
    tall = slice(in_rows[0], in_rows[-1] + 1)
    in_cols = np.flatnonzero((logits[tall] > _FLOOR).any(axis=0))
    return tall, slice(in_cols[0], in_cols[-1] + 1)


def _needed(bounds: slice, axis: Resampling) -> slice:
    """Return all places along an axis that the pixels depend on which see any of these places."""
    return axis.needed(axis.reached(bounds) or _FIRST)
