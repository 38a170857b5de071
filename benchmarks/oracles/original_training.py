"""The original project's training loop from the parts that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from monai.losses.dice import DiceCELoss
from torch import Tensor
from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

from benchmarks.oracles.original_loss import original_loss
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["OriginalTraining", "Sample"]

_INPUT = (1024, 1024)


class Sample(NamedTuple):
    """A B-scan, (H, W) grey, and its objects."""

    image: npt.NDArray[np.uint8]
    objects: Sequence[SimulatedObject]


class OriginalTraining:
    """Steps as DILabHelmholtzOCT takes them, in float32 on the CPU.

    The image encoder is frozen, but runs in every step; the losses are computed at the B-scan's
    own size. The first batch of an epoch, which the original passes over, counts here.

    Parameters
    ----------
    checkpoint
        State dict of transformers' `SamModel`, vit_b.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._model = SamModel(SamConfig())
        self._model.load_state_dict(torch.load(checkpoint, weights_only=True))
        for name, parameter in self._model.named_parameters():
            if name.startswith(("vision_encoder", "prompt_encoder")):
                parameter.requires_grad_(False)
        self._processor = SamProcessor(SamImageProcessor())
        self._optimizer = torch.optim.Adam(self._model.mask_decoder.parameters(), lr=1e-3)
        self._segmentation = DiceCELoss(sigmoid=True)

    def step(self, samples: Sequence[Sample]) -> float:
        """Take a step on a batch of B-scans of one size; return the loss."""
        most = max(len(sample.objects) for sample in samples)
        inputs = self._inputs(samples, most)
        outputs = self._model(**inputs, multimask_output=False)
        logits = _full_size(outputs.pred_masks.squeeze(2), samples[0].image.shape)
        truth = torch.stack([_masks(sample, most) for sample in samples])
        loss = self._segmentation(logits, truth) + original_loss(logits, truth)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())

    def _inputs(self, samples: Sequence[Sample], most: int) -> dict[str, Tensor]:
        """Preprocess each B-scan as its data set does, with zeros where an image has less boxes."""
        images = [np.repeat(sample.image[..., None], 3, axis=2) for sample in samples]
        boxes = [[_corners(each) for each in sample.objects] for sample in samples]
        padded = [each + [[0.0] * 4] * (most - len(each)) for each in boxes]
        found = self._processor(images, input_boxes=padded, return_tensors="pt")
        return {
            "pixel_values": found["pixel_values"],
            "input_boxes": found["input_boxes"].float(),
        }


def _corners(each: SimulatedObject) -> list[float]:
    """Return the box as x0, y0, x1, y1."""
    box = each.prompt.box
    assert box is not None
    return [box.col0, box.row0, box.col1, box.row1]


def _masks(sample: Sample, most: int) -> Tensor:
    """Return (most, H, W) true masks; those that pad are empty."""
    masks = torch.zeros(most, *sample.image.shape)
    for mask, each in zip(masks, sample.objects, strict=False):
        mask.copy_(torch.from_numpy(each.mask))
    return masks


def _full_size(logits: Tensor, shape: Any) -> Tensor:
    """Scale (B, N, 256, 256) logits to the B-scan's rows and columns."""
    rows, cols = shape
    scale = _INPUT[0] / max(rows, cols)
    large = F.interpolate(logits, _INPUT, mode="bilinear", align_corners=False)
    inside = large[..., : round(rows * scale), : round(cols * scale)]
    return F.interpolate(inside, (rows, cols), mode="bilinear", align_corners=False)
