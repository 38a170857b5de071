"""The weights that a run trains: as they are, and as they were after its best epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from napari_octsam.core.errors import UserError
from napari_octsam.training.adaptation import frozen_hash

__all__ = ["LearntWeights"]


class LearntWeights:
    """What a run changes in a network.

    Parameters
    ----------
    network
        A network that is an nn.Module too; what is trained requires a gradient.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self._base = frozen_hash(network)
        self.best_score, self.best_epoch = -np.inf, 0
        self._best = self._now()

    def judge(self, score: float, epoch: int) -> bool:
        """Keep the weights where their score is the highest so far; return whether it is."""
        if not score > self.best_score:
            return False
        self.best_score, self.best_epoch = score, epoch
        self._best = self._now()
        return True

    def forget_score(self) -> None:
        """Let the next epoch be the best, whatever came before."""
        self.best_score = -np.inf

    @property
    def is_finite(self) -> bool:
        """Whether all of them are numbers."""
        return all(bool(weight.isfinite().all()) for weight in self._now().values())

    @property
    def best(self) -> dict[str, Tensor]:
        """The network's whole state dict as it was after the best epoch."""
        return {**self._network.state_dict(), **self._best}

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs: what is frozen is not repeated."""
        return {
            "learnt": self._now(),
            "base": self._base,
            "best": {
                "score": float(self.best_score),
                "epoch": self.best_epoch,
                "learnt": self._best,
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a state.

        Raises
        ------
        UserError
            It began with another base model.
        """
        if state["base"] != self._base or _shapes(state["learnt"]) != _shapes(self._best):
            raise UserError(
                "it began with another base model than that which is there now: put the first one "
                "back, or begin a new run."
            )
        self._network.load_state_dict(state["learnt"], strict=False)
        best = state["best"]
        self.best_score, self.best_epoch = best["score"], best["epoch"]
        self._best = dict(best["learnt"])

    def _now(self) -> dict[str, Tensor]:
        named = self._network.named_parameters()
        return {name: value.detach().clone() for name, value in named if value.requires_grad}


def _shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}
