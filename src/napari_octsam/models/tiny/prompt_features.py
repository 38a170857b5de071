"""What the image encoder sees where a prompt lies, as tokens for the mask decoder.

Layers look alike but for their place, and a layer's box overlaps its neighbours. What tells them
apart is which tissue begins and ends where the box does, so a box is answered by profiles: how
probable each class is in a row within the box's columns, read around its upper and lower side, and
in a column within its rows, read around the left and the right one. A point is answered by the
A-scan that runs through it.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.models.tiny.encoder import FINE_CHANNELS, STRIDES
from napari_octsam.models.tiny.pixel_names import CLASSES
from napari_octsam.models.tiny.prompt_maps import on_map

__all__ = ["PooledNames", "PromptFeatures", "pool_names"]

_OFF = (0.5, 1.5, 2.5, 4.0, 6.0, 9.0, 13.0, 20.0, 32.0)
_ACROSS = (*(-off for off in reversed(_OFF)), *_OFF)
"""Pixels of the input across a side of the box, or the row of a point, at which to look."""
_BESIDE = (-8.0, 0.0, 8.0)
"""Pixels of the input beside a point at which to look."""
_WITHIN = 16
"""Rows within a box at which to look."""
_POOL = 4
"""Places of the finest map that are pooled before a profile is taken along them."""


class Lines(NamedTuple):
    """Names of pixels along lines of the finest map, by parts of `_POOL` places."""

    most: Tensor
    """(lines, classes, parts), the most probable of a part."""
    sums: Tensor
    """(lines, classes, parts + 1), of the means of the parts before each."""


class PooledNames(NamedTuple):
    """Names of pixels along rows and along columns."""

    rows: Lines
    cols: Lines


def pool_names(evidence: Tensor) -> PooledNames:
    """Pool (classes, rows, cols) probabilities along the rows, and along the columns."""
    count, rows, cols = evidence.shape
    along_rows = evidence.view(count, rows, -1, _POOL).permute(1, 0, 2, 3)
    along_cols = evidence.view(count, -1, _POOL, cols).permute(3, 0, 1, 2)
    return PooledNames(_lines(along_rows), _lines(along_cols))


def _lines(parts: Tensor) -> Lines:
    """Take (lines, classes, parts, _POOL)."""
    mean = reduce(torch.add, parts.unbind(3)) / _POOL  # a quarter of the time of `mean`
    return Lines(parts.amax(3).contiguous(), F.pad(mean.contiguous().cumsum(2), (1, 0)))


class PromptFeatures(nn.Module):
    """Reads the encoder's finest map under boxes, points and masks.

    Parameters
    ----------
    dim
        Channels of a token.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        steps = len(_ACROSS)
        self.sides = nn.ModuleList(nn.Linear(2 * CLASSES * steps, dim) for _ in range(4))
        self.inside = nn.Linear(2 * CLASSES, dim)
        seen = FINE_CHANNELS * steps * len(_BESIDE)
        self.on = nn.Linear(seen, dim)
        self.off = nn.Linear(seen, dim)
        self.under_mask = nn.Linear(FINE_CHANNELS, dim)
        self.of_all_sides = nn.Linear(5 * dim, dim)
        self.of_each_point = nn.Linear(dim, dim)

    def forward(
        self,
        fine: Tensor,
        names: PooledNames,
        points: tuple[Tensor, Tensor] | None,
        boxes: Tensor | None,
        masks: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return (N, T, dim) tokens and (N, dim), what they say together of the object.

        Parameters
        ----------
        fine
            (1, FINE_CHANNELS, rows, cols), the finest map.
        names
            What its pixels are taken for.
        points
            (N, P, 2) coordinates (x, y) in pixels of the input, and (N, P) labels.
        boxes
            (N, 4) x0, y0, x1, y1.
        masks
            (N, 1, h, w) logits.
        """
        tokens, summary = [], []
        if boxes is not None:
            tokens.append(self._of_boxes(names, boxes))
            summary.append(self.of_all_sides(tokens[-1].flatten(1)))
        if points is not None:
            tokens.append(self._of_points(fine, *points))
            summary.append(self.of_each_point(tokens[-1]).mean(1))
        if masks is not None:
            tokens.append(self._of_masks(fine, masks))
            summary.append(tokens[-1][:, 0])
        return torch.cat(tokens, dim=1), torch.stack(summary).sum(0)

    def _of_boxes(self, names: PooledNames, boxes: Tensor) -> Tensor:
        """Return (N, 5, dim): a token for each side (up, down, left, right) and the inside."""
        x0, y0, x1, y1 = boxes.float().unbind(-1)
        top, bottom = on_map(y0, STRIDES["fine"][0]), on_map(y1, STRIDES["fine"][0])
        left, right = on_map(x0, STRIDES["fine"][1]), on_map(x1, STRIDES["fine"][1])
        device = boxes.device
        across = torch.tensor(_ACROSS, device=device) / STRIDES["fine"][0]
        across_cols = torch.tensor(_ACROSS, device=device) / STRIDES["fine"][1]
        step = torch.linspace(0, 1, _WITHIN, device=device)
        within = top[:, None] + (bottom - top)[:, None] * step
        rows = torch.cat([top[:, None] + across, bottom[:, None] + across, within], dim=1)
        cols = torch.cat([left[:, None] + across_cols, right[:, None] + across_cols], dim=1)
        steps = len(_ACROSS)
        by_row = _profile(names.rows, rows, left, right)
        up, down, inside = torch.split_with_sizes(by_row, [steps, steps, _WITHIN], dim=2)
        seen = [up, down, *_profile(names.cols, cols, top, bottom).chunk(2, dim=2)]
        tokens = [side(each.flatten(1)) for side, each in zip(self.sides, seen, strict=True)]
        most, mean = inside.chunk(2, dim=1)
        tokens.append(self.inside(torch.cat([most.amax(-1), mean.mean(-1)], dim=1)))
        return torch.stack(tokens, dim=1)

    def _of_points(self, fine: Tensor, coordinates: Tensor, labels: Tensor) -> Tensor:
        """Return (N, P, dim), a token a point."""
        x, y = coordinates.float().unbind(-1)
        x = on_map(x[..., None] + torch.tensor(_BESIDE, device=x.device), STRIDES["fine"][1])
        y = on_map(y[..., None] + torch.tensor(_ACROSS, device=y.device), STRIDES["fine"][0])
        seen = _sampled(fine[0], x[:, :, None], y[..., None])  # (C, N, P, across, beside)
        seen = seen.permute(1, 2, 0, 3, 4).flatten(2)
        return torch.where((labels == 1)[..., None], self.on(seen), self.off(seen))

    def _of_masks(self, fine: Tensor, masks: Tensor) -> Tensor:
        """Return (N, 1, dim): the mean features under each mask."""
        weights = masks.float().sigmoid().flatten(1)
        size = (masks.shape[-2], masks.shape[-1])
        small = F.adaptive_avg_pool2d(fine, size).flatten(2)[0]
        mean = weights @ small.mT / weights.sum(1, keepdim=True).clamp(min=1e-3)
        token: Tensor = self.under_mask(mean)
        return token[:, None]


def _profile(lines: Lines, places: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the most and the mean, from column `low` to `high`, of rows that are interpolated.

    Parameters
    ----------
    lines
        Of the rows, or with rows and columns exchanged; the first and the last go on.
    places
        (N, K) rows to look at.
    low, high
        (N,) columns of the finest map.

    Returns
    -------
    (N, 2 C, K).
    """
    last = len(lines.most) - 1
    places = places.clamp(0, last)
    first = places.floor().long().clamp(max=last - 1)
    index = torch.cat([first, first + 1], dim=1)
    along = torch.arange(lines.most.shape[2], device=places.device) * _POOL + (_POOL - 1) / 2
    middle = (low + high)[:, None] / 2
    half = ((high - low)[:, None] / 2).clamp(min=_POOL / 2)
    inside = (along - middle).abs() <= half  # (N, parts)
    begin, count = inside.int().argmax(-1, keepdim=True), inside.sum(-1, keepdim=True)
    taken = lines.most.index_select(0, index.flatten()).view(*index.shape, *lines.most.shape[1:])
    most = (taken * inside[:, None, None]).amax(-1)
    total = lines.sums[index, :, begin + count] - lines.sums[index, :, begin]
    mean = total / count.clamp(min=1)[..., None]
    before, after = torch.cat([most, mean], dim=2).mT.chunk(2, dim=2)
    share = (places - first)[:, None]
    return before * (1 - share) + after * share


def _sampled(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Interpolate (C, rows, cols) maps at places that broadcast to (...): (C, ...).

    Beyond its border a map goes on as it ends. `grid_sample` cannot do that on every device.
    """
    rows, cols = maps.shape[1:]
    x, y = torch.broadcast_tensors(x.clamp(0, cols - 1), y.clamp(0, rows - 1))
    left, top = x.floor().clamp(max=cols - 2), y.floor().clamp(max=rows - 2)
    right_share, low_share = x - left, y - top
    first = (top * cols + left).long()
    flat = maps.flatten(1)
    upper = flat[:, first] * (1 - right_share) + flat[:, first + 1] * right_share
    lower = flat[:, first + cols] * (1 - right_share) + flat[:, first + cols + 1] * right_share
    return upper * (1 - low_share) + lower * low_share
