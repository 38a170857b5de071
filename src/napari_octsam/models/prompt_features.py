"""What the image encoder sees where a prompt lies, as tokens for the mask decoder.

Layers look alike but for their place, and a layer's box overlaps its neighbours. What tells them
apart is which tissue begins and ends where the box does, so a box is answered by profiles: how
probable each class is in a row within the box's columns, read around its upper and lower side, and
in a column within its rows, read around the left and the right one. A point is answered by the
A-scan that runs through it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_octsam.models.pixel_names import CLASSES
from napari_octsam.models.prompt_maps import on_map
from napari_octsam.models.tiny_encoder import FINE_CHANNELS, STRIDES

__all__ = ["PromptFeatures"]

_OFF = (0.5, 1.5, 2.5, 4.0, 6.0, 9.0, 13.0, 20.0, 32.0)
_ACROSS = (*(-off for off in reversed(_OFF)), *_OFF)
"""Pixels of the input across a side of the box, or the row of a point, at which to look."""
_BESIDE = (-8.0, 0.0, 8.0)
"""Pixels of the input beside a point at which to look."""
_POOL = 4
"""Places of the finest map that are pooled before a profile is taken along them."""


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
        evidence: Tensor,
        points: tuple[Tensor, Tensor] | None,
        boxes: Tensor | None,
        masks: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return (N, T, dim) tokens and (N, dim), what they say together of the object.

        Parameters
        ----------
        fine
            (1, FINE_CHANNELS, rows, cols), the finest map.
        evidence
            (classes, rows, cols) probabilities, from `PixelNames`.
        points
            (N, P, 2) coordinates (x, y) in pixels of the input, and (N, P) labels.
        boxes
            (N, 4) x0, y0, x1, y1.
        masks
            (N, 1, h, w) logits.
        """
        tokens, summary = [], []
        if boxes is not None:
            tokens.append(self._of_boxes(evidence, boxes))
            summary.append(self.of_all_sides(tokens[-1].flatten(1)))
        if points is not None:
            tokens.append(self._of_points(fine, *points))
            summary.append(self.of_each_point(tokens[-1]).mean(1))
        if masks is not None:
            tokens.append(self._of_masks(fine, masks))
            summary.append(tokens[-1][:, 0])
        return torch.cat(tokens, dim=1), torch.stack(summary).sum(0)

    def _of_boxes(self, evidence: Tensor, boxes: Tensor) -> Tensor:
        """Return (N, 5, dim): a token for each side (up, down, left, right) and the inside."""
        by_row = _pooled(evidence)  # profiles of rows run along the columns
        by_col = _pooled(evidence.mT.contiguous())
        x0, y0, x1, y1 = boxes.float().unbind(-1)
        top, bottom = on_map(y0, STRIDES["fine"][0]), on_map(y1, STRIDES["fine"][0])
        left, right = on_map(x0, STRIDES["fine"][1]), on_map(x1, STRIDES["fine"][1])
        rows = _profile(by_row, left, right)  # (N, 2 * CLASSES, rows)
        cols = _profile(by_col, top, bottom)
        across = torch.tensor(_ACROSS, device=boxes.device) / STRIDES["fine"][0]
        across_cols = torch.tensor(_ACROSS, device=boxes.device) / STRIDES["fine"][1]
        seen = [
            _read(rows, top[:, None] + across),
            _read(rows, bottom[:, None] + across),
            _read(cols, left[:, None] + across_cols),
            _read(cols, right[:, None] + across_cols),
        ]
        tokens = [side(each.flatten(1)) for side, each in zip(self.sides, seen, strict=True)]
        step = torch.linspace(0, 1, 16, device=boxes.device)
        within = _read(rows, top[:, None] + (bottom - top)[:, None] * step)
        most, mean = within.chunk(2, dim=1)
        inside = self.inside(torch.cat([most.amax(-1), mean.mean(-1)], dim=1))
        return torch.stack([*tokens, inside], dim=1)

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


def _pooled(evidence: Tensor) -> Tensor:
    """(C, rows, cols) -> (2, C, rows, cols / _POOL): the most and the mean of a few columns."""
    parts = evidence.view(*evidence.shape[:2], -1, _POOL)
    return torch.stack([parts.amax(-1), parts.mean(-1)])


def _profile(pooled: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the most and the mean of each row from column `low` to `high`: (N, 2 C, rows)."""
    places = torch.arange(pooled.shape[-1], device=low.device) * _POOL + (_POOL - 1) / 2
    middle = (low + high)[:, None] / 2
    half = ((high - low)[:, None] / 2).clamp(min=_POOL / 2)
    inside = ((places - middle).abs() <= half).to(pooled.dtype)  # (N, places)
    most = (pooled[0] * inside[:, None, None, :]).amax(-1)
    mean = torch.einsum("crp,np->ncr", pooled[1], inside)
    mean = mean / inside.sum(-1).clamp(min=1)[:, None, None]
    return torch.cat([most, mean], dim=1)


def _read(profile: Tensor, places: Tensor) -> Tensor:
    """Interpolate (N, C, length) profiles at (N, K) places: (N, C, K); the ends go on."""
    places = places.clamp(0, profile.shape[-1] - 1)
    low = places.floor().long().clamp(max=profile.shape[-1] - 2)
    share = (places - low)[:, None].to(profile.dtype)
    index = low[:, None].expand(-1, profile.shape[1], -1)
    return profile.gather(2, index) * (1 - share) + profile.gather(2, index + 1) * share


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
