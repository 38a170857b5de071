"""Soft-clDice: the cheap baseline that compares skeletons."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_octsam.topology.losses.batches import at_least_float32, check_probabilities, real_masks

__all__ = ["SoftClDiceLoss", "soft_skeleton"]


class SoftClDiceLoss(nn.Module):
    """1 - soft-clDice (Shit et al., arXiv:2003.07311), for thin structures.

    clDice = 2 T P / (T + P): T is the share of the predicted skeleton that lies in the truth, P
    that of the true skeleton that lies in the prediction.

    Parameters
    ----------
    weight
        The loss is multiplied by it.
    iterations
        Rounds of thinning; at least half of the widest structure's width in pixels.
    smooth
        Added to both counts of each share.
    logits
        Whether predictions are logits or probabilities.
    """

    def __init__(
        self,
        weight: float = 1.0,
        *,
        iterations: int = 10,
        smooth: float = 1.0,
        logits: bool = True,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.iterations = iterations
        self.smooth = smooth
        self.logits = logits

    def forward(self, prediction: Tensor, truth: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the weighted mean over the real masks, a scalar.

        Parameters
        ----------
        prediction
            (B, N, H, W) logits or probabilities.
        truth
            (B, N, H, W), 0 to 1 or bool.
        real
            (B, N) bool: which masks are objects; by default all.

        Raises
        ------
        ValueError
            Shapes do not fit.
        UserError
            A mask, which is named, has impossible probabilities, or a true one NaN.
        """
        masks = real_masks(prediction, truth, real)
        with torch.autocast(prediction.device.type, enabled=False):
            maps = at_least_float32(masks.of(prediction))
            if not self.logits:
                check_probabilities(maps, masks.names)
            predicted = maps.sigmoid() if self.logits else maps
            true = masks.of_truth(truth).to(predicted)
            precision = self._share(soft_skeleton(predicted, self.iterations), true)
            sensitivity = self._share(soft_skeleton(true, self.iterations), predicted)
            cl_dice = 2 * precision * sensitivity / (precision + sensitivity)
        return self.weight * (1 - cl_dice).sum() / max(len(masks), 1)

    def _share(self, skeleton: Tensor, mask: Tensor) -> Tensor:
        inside = (skeleton * mask).sum(dim=(1, 2))
        return (inside + self.smooth) / (skeleton.sum(dim=(1, 2)) + self.smooth)


def soft_skeleton(maps: Tensor, iterations: int) -> Tensor:
    """Return the soft skeletons of (M, H, W) maps, 0 to 1: what opening takes away, round by round.

    Algorithm 1 of arXiv:2003.07311.
    """
    eroded = maps[:, None]
    skeleton = F.relu(eroded - _dilated(_eroded(eroded)))
    for _ in range(iterations):
        eroded = _eroded(eroded)
        rest = F.relu(eroded - _dilated(_eroded(eroded)))
        skeleton = skeleton + F.relu(rest - skeleton * rest)
    return skeleton[:, 0]


def _eroded(maps: Tensor) -> Tensor:
    rows = -F.max_pool2d(-maps, (3, 1), stride=1, padding=(1, 0))
    cols = -F.max_pool2d(-maps, (1, 3), stride=1, padding=(0, 1))
    return torch.minimum(rows, cols)


def _dilated(maps: Tensor) -> Tensor:
    return F.max_pool2d(maps, 3, stride=1, padding=1)
