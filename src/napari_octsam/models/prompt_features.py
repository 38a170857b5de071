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

from napari_octsam.models.pixel_names import CLASSES
from napari_octsam.models.prompt_maps import on_map
from napari_octsam.models.tiny_encoder import FINE_CHANNELS, STRIDES

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


class PooledNames(NamedTuple):
    """Names of pixels, the most and the mean of a few of them, for profiles."""

    by_row: Tensor
    """(rows, 2, classes, cols / 4): profiles of rows run along the columns."""
    by_col: Tensor
    """(cols, 2, classes, rows / 4)."""


def pool_names(evidence: Tensor) -> PooledNames:
    """Pool (classes, rows, cols) probabilities along the columns, and along the rows."""
    count, rows, cols = evidence.shape
    by_row = evidence.view(count, rows, -1, _POOL)
    by_col = evidence.view(count, -1, _POOL, cols)
    along_cols, along_rows = _most_and_mean(by_row, 3), _most_and_mean(by_col, 2)
    return PooledNames(
        along_cols.permute(2, 0, 1, 3).contiguous(), along_rows.permute(3, 0, 1, 2).contiguous()
    )


def _most_and_mean(parts: Tensor, axis: int) -> Tensor:
    mean = reduce(torch.add, parts.unbind(axis)) / _POOL  # a quarter of the time of `mean`
    return torch.stack([parts.amax(axis), mean])


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
        by_row = _profile(names.by_row, rows, left, right)
        up, down, inside = torch.split_with_sizes(by_row, [steps, steps, _WITHIN], dim=2)
        seen = [up, down, *_profile(names.by_col, cols, top, bottom).chunk(2, dim=2)]
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


def _profile(parts: Tensor, places: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the most and the mean, from column `low` to `high`, of rows that are interpolated.

    Parameters
    ----------
    parts
        (rows, 2, C, cols / _POOL) of `PooledNames`, or with rows and columns exchanged; the ends
        go on.
    places
        (N, K) rows to look at.
    low, high
        (N,) columns of the finest map.

    Returns
    -------
    (N, 2 C, K).
    """
    places = places.clamp(0, len(parts) - 1)
    first = places.floor().long().clamp(max=len(parts) - 2)
    index = torch.cat([first, first + 1], dim=1)
    taken = parts.index_select(0, index.flatten()).view(*index.shape, *parts.shape[1:])
    along = torch.arange(parts.shape[3], device=parts.device) * _POOL + (_POOL - 1) / 2
    middle = (low + high)[:, None] / 2
    half = ((high - low)[:, None] / 2).clamp(min=_POOL / 2)
    inside = ((along - middle).abs() <= half).to(parts.dtype)  # (N, cols / _POOL)
    share_of_each = inside / inside.sum(-1, keepdim=True).clamp(min=1)
    most = (taken[:, :, 0] * inside[:, None, None]).amax(-1)
    mean = (taken[:, :, 1] @ share_of_each[:, None, :, None])[..., 0]
    before, after = torch.cat([most, mean], dim=2).mT.chunk(2, dim=2)
    share = (places - first)[:, None].to(parts.dtype)
    return before * (1 - share) + after * share


def _sampled(maps: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Interpolate (C, rows, cols) maps at places that broadcast to (...): (C, ...).

    Beyond its border a map goes on as it ends. `grid_sample` cannot do that on every device.
    """
    rows, cols = maps.shape[1:]
    x, y = torch.broadcast_tensors(x.clamp(0, cols - 1), y.clamp(0, rows - 1))  # type: ignore[no-untyped-call]
    left, top = x.floor().clamp(max=cols - 2), y.floor().clamp(max=rows - 2)
    right_share, low_share = x - left, y - top
    first = (top * cols + left).long()
    flat = maps.flatten(1)
    upper = flat[:, first] * (1 - right_share) + flat[:, first + 1] * right_share
    lower = flat[:, first + cols] * (1 - right_share) + flat[:, first + cols + 1] * right_share
    return upper * (1 - low_share) + lower * low_share
