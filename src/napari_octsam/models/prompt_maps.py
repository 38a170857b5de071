"""Prompts drawn as maps, for a decoder that sees them where they are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["PROMPT_MAPS", "draw_prompt_maps"]

PROMPT_MAPS = 6
"""Inside the box, height in the box, width in the box, positive points, negative points, mask."""

_POINT_RADIUS = 3.0  # standard deviation of a point's blob, in pixels of the map


def draw_prompt_maps(
    points: tuple[Tensor, Tensor] | None,
    boxes: Tensor | None,
    masks: Tensor | None,
    size: tuple[int, int],
) -> Tensor:
    """Draw the prompts of N objects at half the resolution of the network's input.

    Parameters
    ----------
    points
        (N, P, 2) coordinates (x, y) in pixels of the input and (N, P) labels.
    boxes
        (N, 4) x0, y0, x1, y1 in pixels of the input.
    masks
        (N, 1, h, w) logits.
    size
        Rows and columns of the maps.

    Returns
    -------
    (N, PROMPT_MAPS, rows, cols) float32.
    """
    given = next(t for t in (boxes, masks, points and points[0]) if t is not None)
    row = torch.arange(size[0], device=given.device, dtype=torch.float32)
    col = torch.arange(size[1], device=given.device, dtype=torch.float32)
    blank = torch.zeros(given.shape[0], 1, *size, device=given.device)
    drawn_boxes = blank.expand(-1, 3, -1, -1) if boxes is None else _draw_boxes(boxes, row, col)
    if points is None:
        drawn_points = blank.expand(-1, 2, -1, -1)
    else:
        drawn_points = _draw_points(*points, row, col)
    drawn_mask = blank if masks is None else _draw_masks(masks, size)
    return torch.cat([drawn_boxes, drawn_points, drawn_mask], dim=1)


def _to_map(coordinates: Tensor) -> Tensor:
    """From pixel centres of the input to pixel centres of a map of half the size."""
    return (coordinates + 0.5) / 2 - 0.5


def _draw_boxes(boxes: Tensor, row: Tensor, col: Tensor) -> Tensor:
    x0, y0, x1, y1 = _to_map(boxes.float()).unbind(-1)
    height, inside_rows = _extent(y0, y1, row)
    width, inside_cols = _extent(x0, x1, col)
    rows, cols = row.numel(), col.numel()
    inside = inside_rows[:, :, None] * inside_cols[:, None, :]
    return torch.stack(
        [inside, height[:, :, None].expand(-1, -1, cols), width[:, None, :].expand(-1, rows, -1)],
        dim=1,
    )


def _extent(low: Tensor, high: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Position along one side of N boxes: -0.5 and 0.5 on the edges, and how far inside."""
    centre = (low + high)[:, None] / 2
    half = ((high - low)[:, None] / 2).clamp(min=0.5)
    offset = axis[None, :] - centre
    position = (offset / half).clamp(-2, 2) / 2
    inside = (half + 0.5 - offset.abs()).clamp(0, 1)
    return position, inside


def _draw_points(coordinates: Tensor, labels: Tensor, row: Tensor, col: Tensor) -> Tensor:
    x, y = _to_map(coordinates.float()).unbind(-1)
    rows = torch.exp(-((row - y[..., None]) ** 2) / (2 * _POINT_RADIUS**2))
    cols = torch.exp(-((col - x[..., None]) ** 2) / (2 * _POINT_RADIUS**2))
    drawn = [
        torch.einsum("npr,npc->nrc", rows * (labels == sign)[..., None], cols) for sign in (1, 0)
    ]
    return torch.stack(drawn, dim=1)


def _draw_masks(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(masks.float().sigmoid() * 2 - 1, size=size, mode="bilinear")
