"""The original project's topology loss as it computes it in a run.

It takes the masks at the size of the B-scan, all of a step's B-scans as one batch, and a root over
the masks of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from napari_octsam.models.frames import Frame
from napari_octsam.topology.losses import OriginalTopologyLoss
from napari_octsam.training.losses.objects import Truth
from napari_octsam.training.losses.topology import labelled_alone
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["original_topology_loss"]


def original_topology_loss(
    loss: OriginalTopologyLoss,
    single: Tensor,
    objects: Sequence[SimulatedObject],
    frame: Frame,
    *,
    alone: bool,
) -> Tensor | None:
    """Return the loss of a B-scan, whose mean over the B-scans of a step is that of the step.

    Parameters
    ----------
    single
        (N, rows, cols) logits as the network has them, padding included.
    objects
        N of the B-scan; where it is not alone in the step, all that it has there.
    frame
        Where the B-scan lies in the network's input.
    alone
        Whether it is the only B-scan of the step: then it is a mean over the masks.

    Returns
    -------
    None where a logit is not finite.
    """
    masks, target = labelled_alone(_of_the_bscan(single, frame), _truth(objects, single.device))
    if not masks.isfinite().all():
        return None
    if alone:
        found: Tensor = loss(masks[None], target[None])
        return found
    return loss.of_sample(masks, target)


def _of_the_bscan(logits: Tensor, frame: Frame) -> Tensor:
    """Return (N, H, W) logits, as `Sam.postprocess_masks` interpolates them."""
    if not frame.half_pixels:  # a letterboxed one
        rows, cols = frame.content
        logits = _interpolated(logits, frame.input_size)[:, :rows, :cols]
    return _interpolated(logits, frame.shape)


def _interpolated(logits: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0]


def _truth(objects: Sequence[SimulatedObject], device: torch.device) -> Truth:
    """Return the masks at their own size."""
    target = np.stack([each.mask for each in objects]).astype(np.float32)
    counts = np.ones_like(target)
    for count, each in zip(counts, objects, strict=True):
        if each.ignored is not None:
            count[each.ignored] = 0
    return Truth(*(torch.from_numpy(part).to(device) for part in (target, counts)))
