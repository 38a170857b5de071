"""MONAI's segmentation losses by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

__all__ = ["segmentation_loss"]

_SURELY_NOT = -20.0  # a logit that costs nothing where the target is 0


def segmentation_loss(name: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return a loss of (N, h, w) logits, targets 0 to 1, and counts; a mean over the N masks.

    Where `counts` is under 1/2 nobody has labelled: there the loss and its gradient are 0.
    """
    loss = _made(name)

    def counted(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        ignored = counts < 0.5
        known, true = logits.masked_fill(ignored, _SURELY_NOT), target.masked_fill(ignored, 0)
        return loss(known[:, None], true[:, None])

    return counted


def _made(name: str) -> Callable[[Tensor, Tensor], Tensor]:
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
