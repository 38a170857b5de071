"""The prompts of octsam-tiny's mask decoder, and the rows in which their objects can lie."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.models.prompt_maps import draw_prompt_maps
from napari_octsam.models.tiny_encoder import STRIDES

__all__ = [
    "SURELY_NOT",
    "TinyPrompts",
    "cut_place",
    "draw_on_stride4",
    "moved_up",
    "rows_of_interest",
    "without_far_rows",
]

SURELY_NOT = -20.0
"""Logit of rows that are not looked at."""

_MARGIN = 36  # rows of the input by which an object may leave its box; what is read lies within
_STEP = STRIDES["stride4"][0]  # rows of the finest map to a place of the coarser one


class TinyPrompts(NamedTuple):
    """Encoded prompts of N objects, and the prompts themselves."""

    tokens: Tensor
    """(N, tokens, dim) embedded points and box corners."""
    points: tuple[Tensor, Tensor] | None
    """(N, P, 2) coordinates (x, y) in pixels of the input and (N, P) labels."""
    boxes: Tensor | None
    """(N, 4) x0, y0, x1, y1."""
    masks: Tensor | None
    """(N, 1, h, w) logits, over the whole input."""


def rows_of_interest(prompts: TinyPrompts, rows: int) -> slice:
    """Return the rows of the finest map, of so many, in which the objects can lie.

    All of them, unless each object has a box and none a rough mask.
    """
    reach = _reach(prompts)
    if reach is None:
        return slice(0, rows)
    low, high = float(reach[0].min()), float(reach[1].max())
    start = min(max(int(low) // _STEP * _STEP, 0), rows - _STEP)
    stop = max(min((int(high) // _STEP + 1) * _STEP, rows), start + _STEP)
    return slice(start, stop)


def without_far_rows(logits: Tensor, prompts: TinyPrompts) -> Tensor:
    """Return (N, K, rows, cols) logits with each object's own rows of interest only.

    So that a mask does not depend on the prompts that are decoded together with it.
    """
    reach = _reach(prompts)
    if reach is None:
        return logits
    row = torch.arange(logits.shape[2], device=logits.device)
    far = (row < reach[0][:, None]) | (row > reach[1][:, None])
    return logits.masked_fill(far[:, None, :, None], SURELY_NOT)


def _reach(prompts: TinyPrompts) -> tuple[Tensor, Tensor] | None:
    """Return the first and the last row of interest of each object, (N,) each."""
    if prompts.boxes is None or prompts.masks is not None:
        return None
    heights = prompts.boxes[:, 1::2]
    if prompts.points is not None:
        heights = torch.cat([heights, prompts.points[0][..., 1]], dim=1)
    return heights.amin(1) - _MARGIN, heights.amax(1) + _MARGIN


def moved_up(prompts: TinyPrompts, rows: int) -> TinyPrompts:
    """Return the prompts as they lie in an input without its first `rows`."""
    boxes, points = prompts.boxes, prompts.points
    if boxes is not None:
        boxes = boxes - torch.tensor([0, rows, 0, rows], device=boxes.device)
    if points is not None:
        points = points[0] - torch.tensor([0, rows], device=points[0].device), points[1]
    return prompts._replace(boxes=boxes, points=points)


def draw_on_stride4(prompts: TinyPrompts, stride4: Tensor) -> Tensor:
    """Draw the prompts as maps of the size of the encoder's map "stride4"."""
    size = (stride4.shape[-2], stride4.shape[-1])
    return draw_prompt_maps(prompts.points, prompts.boxes, prompts.masks, size, STRIDES["stride4"])


def cut_place(place: Tensor, band: slice, cols: int) -> Tensor:
    """Bring (N, C, h, w) at "stride4" to the rows of `band` and all `cols` of the finest map."""
    first, last = band.start // _STEP, band.stop // _STEP
    above, below = min(first, 1), min(place.shape[2] - last, 1)
    part = place[:, :, first - above : last + below]
    finer = F.interpolate(part, size=(part.shape[2] * _STEP, cols), mode="bilinear")
    if not (above or below):
        return finer
    # a copy: what is added in place to a part of a tensor costs the gradient far more
    return finer[:, :, above * _STEP : finer.shape[2] - below * _STEP].clone()
