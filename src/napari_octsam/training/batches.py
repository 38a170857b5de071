"""Objects of one view as the tensors that a network takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.core.prompts import Prompt
from napari_octsam.training.losses import area_targets
from napari_octsam.training.simulation import SimulatedObject

__all__ = ["ObjectBatch", "object_batches"]

_MASK_LOGIT = 6.0


class ObjectBatch(NamedTuple):
    """N objects of one view whose prompts have the same form."""

    points: tuple[Tensor, Tensor] | None
    boxes: Tensor | None
    masks: Tensor | None
    target: Tensor
    counts: Tensor
    named: list[tuple[str, int] | None]

    def to(self, device: torch.device) -> ObjectBatch:
        """Return the batch on another device."""
        return ObjectBatch(
            points=None
            if self.points is None
            else (self.points[0].to(device), self.points[1].to(device)),
            boxes=None if self.boxes is None else self.boxes.to(device),
            masks=None if self.masks is None else self.masks.to(device),
            target=self.target.to(device),
            counts=self.counts.to(device),
            named=self.named,
        )


def object_batches(
    objects: Sequence[SimulatedObject],
    mask_size: tuple[int, int],
    mask_input_size: tuple[int, int],
) -> Iterator[ObjectBatch]:
    """Group objects by the form of their prompts; coordinates are in the network's input."""
    ordered = sorted(objects, key=lambda o: _form(o.prompt))
    for form, group in groupby(ordered, key=lambda o: _form(o.prompt)):
        members = list(group)
        prompts = [o.prompt for o in members]
        has_box, points, has_mask = form
        truth = torch.from_numpy(np.stack([o.mask for o in members]))
        ignored = [np.zeros_like(o.mask) if o.ignored is None else o.ignored for o in members]
        yield ObjectBatch(
            points=_points(prompts) if points else None,
            boxes=_boxes(prompts) if has_box else None,
            masks=_masks(prompts, mask_input_size) if has_mask else None,
            target=area_targets(truth, mask_size),
            counts=1 - area_targets(torch.from_numpy(np.stack(ignored)), mask_size),
            named=[o.named for o in members],
        )


def _form(prompt: Prompt) -> tuple[bool, int, bool]:
    return prompt.box is not None, len(prompt.points), prompt.mask is not None


def _points(prompts: list[Prompt]) -> tuple[Tensor, Tensor]:
    coordinates = [[(p.col, p.row) for p in prompt.points] for prompt in prompts]
    labels = [[int(p.positive) for p in prompt.points] for prompt in prompts]
    return torch.tensor(coordinates, dtype=torch.float32), torch.tensor(labels)


def _boxes(prompts: list[Prompt]) -> Tensor:
    boxes = [p.box for p in prompts if p.box is not None]
    return torch.tensor([(b.col0, b.row0, b.col1, b.row1) for b in boxes], dtype=torch.float32)


def _masks(prompts: list[Prompt], size: tuple[int, int]) -> Tensor:
    masks = torch.from_numpy(np.stack([p.mask for p in prompts if p.mask is not None]))
    return (F.adaptive_avg_pool2d(masks.float()[:, None], size) * 2 - 1) * _MASK_LOGIT
