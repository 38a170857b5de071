"""The steps of a run: from what is drawn, down the gradient, to other weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.models.devices import NotEnoughMemoryError
from napari_octsam.models.model import Model
from napari_octsam.models.network import Features
from napari_octsam.training.adaptation import gradient_scaler
from napari_octsam.training.distributed import Workers, in_one_go
from napari_octsam.training.draws import StepDraws
from napari_octsam.training.events import StepPart
from napari_octsam.training.gradient import Drawn, StepGradient
from napari_octsam.training.schedule import learning_rate, make_optimizer, topology_begins
from napari_octsam.training.views import BScanView

__all__ = ["Descent", "Taken"]


class Taken(NamedTuple):
    """A step that was taken.

    Parameters
    ----------
    rate
        Its learning rate.
    losses
        Parts of the loss, weighted as they are summed.
    note
        A sentence for the person, or "".
    """

    rate: float
    losses: dict[str, float]
    note: str


class Descent:
    """Takes the steps of a run.

    Parameters
    ----------
    model
        That is trained.
    trained
        Its parameters that are trained.
    draws
        What each step learns from.
    features
        Gives what the encoder makes of a view, on the model's device.
    config
        All settings.
    workers
        The processes that share the run.
    """

    def __init__(
        self,
        model: Model,
        trained: list[nn.Parameter],
        draws: StepDraws,
        features: Callable[[BScanView], Features],
        config: TrainConfig,
        workers: Workers,
    ) -> None:
        self._config = config
        self._trained = trained
        self._draws = draws
        self._workers = workers
        self._optimizer = make_optimizer(trained, config)
        self._scaler = gradient_scaler(model, config)
        self._gradient = StepGradient(model, config, features, self._scaler)

    def take(self, epoch: int, step: int) -> Generator[StepPart, None, Taken]:
        """Take a step, and tell of its parts; epoch and step are counted from 0.

        Nothing is changed before the last part is done. Where several processes share the run,
        nobody tells of parts, since each has its own number of them.

        Raises
        ------
        UserError
            The loss or the gradient is no number, or not even one object fits the memory.
        """
        drawn = [each for each in self._draws.drawn(epoch, step) if each.objects]
        rate = learning_rate(self._config, epoch * self._draws.steps + step, self._draws.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        before = self._gradient.at_once
        with_topology = epoch >= topology_begins(self._config)
        own = yield from self._backward(drawn, with_topology=with_topology)
        losses = self._workers.add_losses(own)
        self._workers.add_gradients(self._trained)
        norm = self._clip() if losses else 0.0
        if not np.isfinite([*losses.values(), norm]).all():
            raise UserError(_no_number(epoch, self._draws.names(epoch, step)))
        if losses:
            self._scaler.step(self._optimizer)
            self._scaler.update()
        now = self._gradient.at_once = self._workers.least(self._gradient.at_once)
        return Taken(rate, losses, _fewer_at_once(now) if now < before else "")

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on."""
        return {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        # torch's optimizers go on in the very tensors that they are given
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._scaler.load_state_dict(state["scaler"])

    def _backward(
        self, batch: Sequence[Drawn], *, with_topology: bool
    ) -> Generator[StepPart, None, dict[str, float]]:
        """Set this process's share of the gradient of the mean over all objects."""
        total = sum(len(drawn.objects) for drawn in batch)
        own = self._workers.share(batch)
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                adding = self._gradient.add(own, total, with_topology=with_topology)
                return (yield from adding) if self._workers.size == 1 else in_one_go(adding)
            except NotEnoughMemoryError as error:
                if not self._gradient.halve(own):
                    raise UserError(
                        "Not even one object of a B-scan fits the memory: choose a smaller base "
                        "model, train the mask decoder only, or compute on the CPU."
                    ) from error

    def _clip(self) -> float:
        """Clip the gradient; return its norm, or 0 where the scaler judges it."""
        self._scaler.unscale_(self._optimizer)
        most = self._config.gradient_clip or math.inf
        norm = float(nn.utils.clip_grad_norm_(self._trained, most))
        return 0.0 if self._scaler.is_enabled() else norm  # it leaves such a step out, scales less


def _fewer_at_once(objects: int) -> str:
    return (
        f"Memory ran out: from now on, {objects} of a B-scan's objects are decoded at once. The "
        "result is the same; it takes longer."
    )


def _no_number(epoch: int, names: Sequence[str]) -> str:
    return (
        f"The loss is no number any more, in epoch {epoch + 1} at the B-scans {', '.join(names)}. "
        "Begin a new training with a lower learning rate: this one would come to the same step."
    )
