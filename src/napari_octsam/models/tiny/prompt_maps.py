"""Prompts drawn as maps, for a decoder that sees them where they are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["PROMPT_MAPS", "draw_points", "draw_prompt_maps", "on_map"]

PROMPT_MAPS = 6
"""Inside the box, height in the box, width in the box, positive points, negative points, mask."""

_POINT_RADIUS = 1.0  # standard deviation of a point's blob, in places of the map


def draw_prompt_maps(
    points: tuple[Tensor, Tensor] | None,
    boxes: Tensor | None,
    masks: Tensor | None,
    size: tuple[int, int],
    stride: tuple[int, int],
) -> Tensor:
    """Draw the prompts of N objects on a map of the network's input.

    Parameters
    ----------
    points
        (N, P, 2) coordinates (x, y) in pixels of the input and (N, P) labels.
    boxes
        (N, 4) x0, y0, x1, y1 in pixels of the input.
    masks
        (N, 1, h, w) logits.
    size
        Rows and columns of the map.
    stride
        Rows and columns of the input that a place of it stands for.

    Returns
    -------
    (N, PROMPT_MAPS, rows, cols) float32.
    """
    given = next(t for t in (boxes, masks, points and points[0]) if t is not None)
    row = torch.arange(size[0], device=given.device, dtype=torch.float32)
    col = torch.arange(size[1], device=given.device, dtype=torch.float32)
    blank = torch.zeros(given.shape[0], 1, *size, device=given.device)
    if boxes is None:
        drawn_boxes = blank.expand(-1, 3, -1, -1)
    else:
        drawn_boxes = _draw_boxes(boxes, row, col, stride)
    if points is None:
        drawn_points = blank.expand(-1, 2, -1, -1)
    else:
        drawn_points = draw_points(*points, size, stride, _POINT_RADIUS)
    drawn_mask = blank if masks is None else _draw_masks(masks, size)
    return torch.cat([drawn_boxes, drawn_points, drawn_mask], dim=1)


def on_map(coordinates: Tensor, stride: int) -> Tensor:
    """From pixel centres of the input to pixel centres of a map of that stride."""
    return (coordinates + 0.5) / stride - 0.5


def draw_points(
    coordinates: Tensor,
    labels: Tensor,
    size: tuple[int, int],
    stride: tuple[int, int],
    radius: float,
) -> Tensor:
    """Draw points as blobs: (N, 2, rows, cols), positive ones and negative ones."""
    row = torch.arange(size[0], device=coordinates.device, dtype=torch.float32)
    col = torch.arange(size[1], device=coordinates.device, dtype=torch.float32)
    x, y = coordinates.float().unbind(-1)
    x, y = on_map(x, stride[1]), on_map(y, stride[0])
    rows = torch.exp(-((row - y[..., None]) ** 2) / (2 * radius**2))
    cols = torch.exp(-((col - x[..., None]) ** 2) / (2 * radius**2))
    drawn = [
        torch.einsum("npr,npc->nrc", rows * (labels == sign)[..., None], cols) for sign in (1, 0)
    ]
    return torch.stack(drawn, dim=1)


def _draw_boxes(boxes: Tensor, row: Tensor, col: Tensor, stride: tuple[int, int]) -> Tensor:
    x0, y0, x1, y1 = boxes.float().unbind(-1)
    height, inside_rows = _extent(on_map(y0, stride[0]), on_map(y1, stride[0]), row)
    width, inside_cols = _extent(on_map(x0, stride[1]), on_map(x1, stride[1]), col)
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


def _draw_masks(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(masks.float().sigmoid() * 2 - 1, size=size, mode="area")
