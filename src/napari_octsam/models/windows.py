"""From low-resolution logits to logits of the B-scan, only where an object can be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from napari_octsam.core.masks import LogitWindow
from napari_octsam.models.frames import Frame
from napari_octsam.models.resampling import Resampling, span

__all__ = ["cut_windows"]

_FLOOR = math.log(0.01 / 0.99)
"""Logit of the lowest threshold: what lies below is background for every one."""

_FIRST = slice(0, 1)


def cut_windows(logits: torch.Tensor, frame: Frame) -> Iterator[tuple[LogitWindow, ...]]:
    """Resample (N, K, h, w) float32 logits to the B-scan; yield the K windows of each object.

    A window is the bounding box of the logits above that of a probability of 0.01, or some one
    pixel where there are none. The values are those of `Sam.postprocess_masks`. Interpolation
    never leaves the range of the values it goes between, so only what depends on low-resolution
    logits above the floor is computed.
    """
    rows, cols = frame.from_mask((logits.shape[2], logits.shape[3]), logits.device)
    above = logits > _FLOOR
    in_rows = above.any(dim=3).cpu().numpy()
    in_cols = above.any(dim=2).cpu().numpy()
    for n, masks in enumerate(logits):
        yield tuple(
            _cut_window(mask, rows, cols, rows.reached(in_rows[n, k]), cols.reached(in_cols[n, k]))
            for k, mask in enumerate(masks)
        )


def _cut_window(
    logits: torch.Tensor,
    rows: Resampling,
    cols: Resampling,
    in_rows: slice | None,
    in_cols: slice | None,
) -> LogitWindow:
    """Resample (h, w) logits to these rows and columns of the B-scan, and cut what is low."""
    in_rows, in_cols = in_rows or _FIRST, in_cols or _FIRST
    from_rows, from_cols = rows.needed(in_rows), cols.needed(in_cols)
    widened = logits[from_rows, from_cols] @ cols.weights[in_cols, from_cols].T
    window = rows.weights[in_rows, from_rows] @ widened
    above = window > _FLOOR
    top = span(above.any(dim=1).cpu().numpy()) or _FIRST
    left = span(above.any(dim=0).cpu().numpy()) or _FIRST
    cut = window[top, left].half().cpu().numpy()
    return LogitWindow(in_rows.start + top.start, in_cols.start + left.start, cut)
