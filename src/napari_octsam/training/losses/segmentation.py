"""MONAI's segmentation losses by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

__all__ = ["segmentation_loss"]


def segmentation_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a loss of (N, 1, h, w) logits and targets, 0 to 1; a mean over the N masks."""
    # MONAI takes seconds to import: what is wrong with the data is said before that.
    from monai.losses.dice import DiceCELoss, DiceFocalLoss, DiceLoss
    from monai.losses.focal_loss import FocalLoss

    made: dict[str, Callable[[], Callable[[Tensor, Tensor], Tensor]]] = {
        "dice_ce": lambda: DiceCELoss(sigmoid=True),
        "dice": lambda: DiceLoss(sigmoid=True),
        "focal": FocalLoss,
        "dice_focal": lambda: DiceFocalLoss(sigmoid=True),
    }
    return made[name]()
