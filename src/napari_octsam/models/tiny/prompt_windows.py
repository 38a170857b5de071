"""The prompts of octsam-tiny's mask decoder, and the windows in which their objects can lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.models.tiny.encoder import STRIDES
from napari_octsam.models.tiny.prompt_maps import draw_prompt_maps

__all__ = [
    "SURELY_NOT",
    "TinyPrompts",
    "Window",
    "draw_on_stride4",
    "from_stride4",
    "on_whole_map",
    "windows_of_interest",
    "without_far",
]

SURELY_NOT = -20.0
"""Logit of places that are not looked at."""

_MARGIN = 36  # pixels of the input by which an object may leave its box
_PLACES = {name: STRIDES["image"][0] // stride for name, (stride, _) in STRIDES.items()}
"""Places of each map along an axis to one of the map "image"; along both axes as many."""


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
    classes: Tensor
    """(N,) indices of classes, or `UNKNOWN`."""

    def one(self, index: int) -> TinyPrompts:
        """Return the prompt of one object, as a batch of one."""
        only = slice(index, index + 1)
        points = self.points and (self.points[0][only], self.points[1][only])
        boxes, masks = (None if t is None else t[only] for t in (self.boxes, self.masks))
        return TinyPrompts(self.tokens[only], points, boxes, masks, self.classes[only])

    def seen_from(self, window: Window) -> TinyPrompts:
        """Return the prompts with coordinates that count from the window's first row and column.

        A rough mask stays as it is: its window is the whole image.
        """
        rows, cols = STRIDES["image"]
        corner = self.tokens.new_tensor([window.cols.start * cols, window.rows.start * rows])
        points = self.points and (self.points[0] - corner, self.points[1])
        boxes = None if self.boxes is None else self.boxes - corner.repeat(2)
        return self._replace(points=points, boxes=boxes)


class Window(NamedTuple):
    """A part of an image, in whole places of the map "image"."""

    rows: slice
    cols: slice

    def on(self, name: str) -> tuple[slice, slice]:
        """Return its rows and columns on a map of `STRIDES`."""
        rows, cols = (slice(part.start * _PLACES[name], part.stop * _PLACES[name]) for part in self)
        return rows, cols

    def grown(self, size: Sequence[int]) -> Window:
        """Return it with a place more on each side, where "image", of that size, has one."""
        rows, cols = (
            slice(max(part.start - 1, 0), min(part.stop + 1, count))
            for part, count in zip(self, size, strict=True)
        )
        return Window(rows, cols)


def _reach(prompts: TinyPrompts) -> tuple[Tensor, Tensor] | None:
    """Return the first and the last (x, y) at which each object can lie, (N, 2) each.

    None if it can lie anywhere: without a box, or with a rough mask.
    """
    if prompts.boxes is None or prompts.masks is not None:
        return None
    x_y = prompts.boxes.view(-1, 2, 2)
    if prompts.points is not None:
        x_y = torch.cat([x_y, prompts.points[0]], dim=1)
    return x_y.amin(1) - _MARGIN, x_y.amax(1) + _MARGIN


def windows_of_interest(prompts: TinyPrompts, size: Sequence[int]) -> list[Window]:
    """Return for each object where it can lie, on the map "image" of that size (rows, cols)."""
    reach = _reach(prompts)
    if reach is None:
        return [Window(slice(0, size[0]), slice(0, size[1]))] * len(prompts.tokens)
    stride = torch.tensor(STRIDES["image"][::-1], device=reach[0].device)
    most = torch.tensor(size[::-1], device=reach[0].device)
    first = (reach[0] / stride).floor().clamp(min=0).minimum(most - 1)
    last = (reach[1] / stride).floor().add(1).clamp(min=1).minimum(most)
    return [
        Window(slice(int(row0), int(row1)), slice(int(col0), int(col1)))
        for (col0, row0), (col1, row1) in zip(first.tolist(), last.tolist(), strict=True)
    ]


def without_far(logits: Tensor, one: TinyPrompts) -> Tensor:
    """Return the logits (1, K, h, w) of a window without the places that its object cannot reach.

    So that what is made of them does not depend on where the window's grid lies.
    """
    reach = _reach(one)
    if reach is None:
        return logits
    (x0, y0), (x1, y1) = reach[0][0], reach[1][0]
    rows, cols = (
        torch.arange(count, device=logits.device) * stride
        for count, stride in zip(logits.shape[2:], STRIDES["fine"], strict=True)
    )
    far_rows, far_cols = (rows < y0) | (rows > y1), (cols < x0) | (cols > x1)
    return logits.masked_fill(far_rows[:, None] | far_cols, SURELY_NOT)


def draw_on_stride4(prompts: TinyPrompts, stride4: Tensor) -> Tensor:
    """Draw the prompts as maps of the size of the encoder's map "stride4"."""
    size = (stride4.shape[-2], stride4.shape[-1])
    return draw_prompt_maps(prompts.points, prompts.boxes, prompts.masks, size, STRIDES["stride4"])


def from_stride4(part: Tensor, grown: Window, window: Window) -> Tensor:
    """Bring the part (N, C, h, w) of "stride4" in the grown window to the finest map's, in its own.

    A place of "stride4" beyond the window is enough to interpolate from.
    """
    places = _PLACES["stride4"]
    scale = _PLACES["fine"] // places
    kept, cut = [], []
    for inner, outer in zip(window, grown, strict=True):
        before, after = inner.start - outer.start, outer.stop - inner.stop  # 0 at the image's edge
        start = before * places - before
        stop = (inner.stop - outer.start) * places + after
        kept.append(slice(start, stop))
        cut.append(slice(before * scale, (stop - start - after) * scale))
    finer = F.interpolate(part[:, :, *kept], scale_factor=scale, mode="bilinear")
    return finer[:, :, *cut]


def on_whole_map(
    logits: Sequence[Tensor], windows: Sequence[Window], size: Sequence[int]
) -> Tensor:
    """Return the logits (1, K, h, w) of N windows on the whole finest map of that size.

    (N, K, *size); what lies outside a window is surely not its object.
    """
    if torch.is_grad_enabled():  # a gradient does not like what is written to a part
        return torch.cat([_padded(*each, size) for each in zip(logits, windows, strict=True)])
    whole = logits[0].new_full((len(logits), logits[0].shape[1], *size), SURELY_NOT)
    for one, part, window in zip(whole, logits, windows, strict=True):
        one[:, *window.on("fine")] = part[0]
    return whole


def _padded(logits: Tensor, window: Window, size: Sequence[int]) -> Tensor:
    rows, cols = window.on("fine")
    around = (cols.start, size[1] - cols.stop, rows.start, size[0] - rows.stop)
    return F.pad(logits, around, value=SURELY_NOT)
