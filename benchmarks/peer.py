"""segment_anything's `SamPredictor` on random weights: what we are measured against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from segment_anything import SamPredictor, sam_model_registry

from benchmarks.run import Run
from napari_octsam.core.prompts import Prompt

__all__ = ["Peer", "random_vit_b"]


def random_vit_b(run: Run) -> Path:
    """Return the run's checkpoint of vit_b, with random weights in segment_anything's form."""
    path = run.folder / "random_vit_b.pth"
    if not path.exists():
        torch.manual_seed(0)
        torch.save(sam_model_registry["vit_b"]().state_dict(), path)
    return path


class Peer:
    """`SamPredictor` in float32 on the CPU, used as its own notebooks do.

    Parameters
    ----------
    checkpoint
        Of vit_b.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._predictor = SamPredictor(sam_model_registry["vit_b"](checkpoint=str(checkpoint)))

    def encode(self, grey: npt.NDArray[np.uint8]) -> None:
        """Set an (H, W) B-scan as the image."""
        self._predictor.set_image(np.repeat(grey[..., None], 3, axis=2))

    def predict(self, prompt: Prompt) -> npt.NDArray[np.bool_]:
        """Predict the three masks of a box: (3, H, W)."""
        masks: npt.NDArray[np.bool_]
        masks, *_ = self._predictor.predict(box=_corners(prompt), multimask_output=True)
        return masks

    def predict_each(self, prompts: tuple[Prompt, ...]) -> None:
        """Predict box after box."""
        for prompt in prompts:
            self.predict(prompt)

    def predict_batch(self, prompts: tuple[Prompt, ...]) -> npt.NDArray[np.bool_]:
        """Predict all boxes at once: (N, 3, H, W)."""
        predictor = self._predictor
        corners = torch.as_tensor(np.stack([_corners(prompt) for prompt in prompts]))
        boxes = predictor.transform.apply_boxes_torch(corners, predictor.original_size)
        found, *_ = predictor.predict_torch(
            point_coords=None, point_labels=None, boxes=boxes, multimask_output=True
        )
        masks: npt.NDArray[np.bool_] = found.numpy()
        return masks


def _corners(prompt: Prompt) -> npt.NDArray[np.float64]:
    """Return the box as x0, y0, x1, y1."""
    box = prompt.box
    assert box is not None
    return np.array([box.col0, box.row0, box.col1, box.row1])
