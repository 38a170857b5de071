"""Prompts as tensors, batched so that each result is that of decoding the prompt alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import Frame
from napari_octsam.models.network import MaskPrompts, Network, PointPrompts

__all__ = ["PromptBatch", "prompt_batches", "quickest_batch"]

_ELSEWHERE = 16
"""Most prompts to decode at once on no CPU: SAM's decoder takes about 40 MB for each."""


def quickest_batch(network: Network, device: torch.device) -> int:
    """Return how many prompts to decode at once on a device."""
    return network.batch_on_cpu if device.type == "cpu" else _ELSEWHERE


class PromptBatch(NamedTuple):
    """Prompts that have the same parts: what `Network.encode_prompts` takes.

    `indices` are their positions in the sequence that they came from.
    """

    indices: list[int]
    points: PointPrompts | None
    boxes: torch.Tensor | None
    masks: MaskPrompts | None
    classes: torch.Tensor


def prompt_batches(
    prompts: Sequence[Prompt],
    frame: Frame,
    mask_input_size: tuple[int, int],
    device: torch.device,
    most: int,
    classes: Sequence[int],
) -> Iterator[PromptBatch]:
    """Group prompts by their parts, since padding them to a common form would change results.

    Parameters
    ----------
    most
        Prompts of a batch: see `quickest_batch`.
    classes
        Of each prompt, from `models.named_classes`.
    """
    groups: dict[tuple[int, bool, bool], list[int]] = {}
    for i, prompt in enumerate(prompts):
        parts = len(prompt.points), prompt.box is not None, prompt.mask is not None
        groups.setdefault(parts, []).append(i)
    for indices in groups.values():
        for start in range(0, len(indices), most):
            batch = indices[start : start + most]
            members = [prompts[i] for i in batch]
            yield PromptBatch(
                batch,
                _points(members, frame, device),
                _boxes(members, frame, device),
                _masks(members, frame, mask_input_size, device),
                torch.tensor([classes[i] for i in batch]).to(device),
            )


def _points(prompts: list[Prompt], frame: Frame, device: torch.device) -> PointPrompts | None:
    if not prompts[0].points:
        return None
    row_col = np.array([[(p.row, p.col) for p in prompt.points] for prompt in prompts], float)
    labels = [[int(p.positive) for p in prompt.points] for prompt in prompts]
    return _on(device, frame.to_input(row_col)), torch.tensor(labels, dtype=torch.int).to(device)


def _boxes(prompts: list[Prompt], frame: Frame, device: torch.device) -> torch.Tensor | None:
    boxes = [p.box for p in prompts if p.box is not None]
    if not boxes:
        return None
    corners = np.array([[(b.row0, b.col0), (b.row1, b.col1)] for b in boxes], float)
    return _on(device, frame.to_input(corners).reshape(-1, 4))


def _masks(
    prompts: list[Prompt], frame: Frame, size: tuple[int, int], device: torch.device
) -> MaskPrompts | None:
    masks = [frame.to_mask_prompt(p.mask, size) for p in prompts if p.mask is not None]
    return _on(device, np.stack(masks)[:, None]) if masks else None


def _on(device: torch.device, values: np.typing.NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32)).to(device)
