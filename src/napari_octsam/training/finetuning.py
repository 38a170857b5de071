"""Fine-tuning of a promptable model on labelled B-scans: one loop, told as events."""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from torch import Tensor, nn

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.io.pairs import LabelledBScan
from napari_octsam.models.devices import NotEnoughMemoryError
from napari_octsam.models.network import Features
from napari_octsam.models.sam import Model
from napari_octsam.training.adaptation import (
    adapter_record,
    frozen_hash,
    gradient_scaler,
    prepare,
    thaw,
)
from napari_octsam.training.distributed import ALONE, Workers
from napari_octsam.training.draws import StepDraws
from napari_octsam.training.events import (
    Encoded,
    EpochDone,
    Event,
    Finished,
    Samples,
    StepDone,
    Told,
)
from napari_octsam.training.gradient import Drawn, StepGradient
from napari_octsam.training.schedule import learning_rate, make_optimizer
from napari_octsam.training.store import EmbeddingStore
from napari_octsam.training.validation import Validation, mean_dice, validate
from napari_octsam.training.views import BScanView

__all__ = ["FineTuning"]


class FineTuning:
    """The state of a run; `run` goes on from wherever it stands.

    All that is random is drawn anew from the seed, the epoch and the step, so that a run that was
    stopped and went on ends, on a CPU, with the weights of one that was not.

    Parameters
    ----------
    model
        To begin with; its network is trained in place.
    training, validation
        Labelled B-scans; without any to validate on, the loss decides which epoch is best.
    schema
        Classes to learn.
    config
        All settings.
    folder
        For embeddings that memory has no room for.
    workers
        The processes that share the run.

    Raises
    ------
    UserError
        There is nothing to learn from, or the model cannot be trained as the settings say.
    """

    def __init__(
        self,
        model: Model,
        training: Sequence[LabelledBScan],
        validation: Sequence[LabelledBScan],
        schema: LabelSchema,
        config: TrainConfig,
        folder: Path,
        workers: Workers = ALONE,
    ) -> None:
        self.model = model = prepare(model, config)
        self.config = config
        self._network: Any = model.network  # a Network that is an nn.Module too
        self._draws = StepDraws(training, schema, config)
        self._validation = list(validation)
        self._schema = schema
        self._store = EmbeddingStore(model, folder)
        self.adapter = adapter_record(config)
        self._trained = thaw(self._network, config)
        self._base = frozen_hash(self._network)
        self._scaler = gradient_scaler(model, config)
        self._gradient = StepGradient(model, config, self._features, self._scaler)
        self._workers = workers
        self._optimizer = make_optimizer(self._trained, config)
        self.epoch, self.step = 0, 0
        self._sums: dict[str, float] = defaultdict(float)
        self.best_score, self.best_epoch = -np.inf, 0
        self._best_learnt = self._learnt()
        self._is_measured = False

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return self._draws.steps

    @property
    def end(self) -> Literal["all epochs", "no more gain"] | None:
        """Why there is nothing more to train; None while there is."""
        if self.config.patience and self.epoch - self.best_epoch >= self.config.patience:
            return "no more gain"
        return "all epochs" if self.epoch >= self.config.epochs else None

    def run(self) -> Iterator[Event]:
        """Train to the last epoch; to stop, stop asking for the next event.

        Where several processes share the run, each tells the same events, so that all of them can
        agree to stop after one, except for `Validated`, which nobody tells then.
        """
        self._workers.begin_alike(self._trained)
        yield from self._encode()
        if not self._is_measured:
            yield from self._measure()
        while self.end is None:
            while self.step < self.steps:
                yield from self._take_step()
            yield from self._finish_epoch()
        yield Finished(self.end, self.best_epoch)

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's state dict."""
        return {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    @property
    def best_weights(self) -> dict[str, Tensor]:
        """The network's state dict as it was after the best epoch."""
        return {**self._network.state_dict(), **self._best_learnt}

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on: what is frozen is not repeated."""
        return {
            "learnt": self._learnt(),
            "base": self._base,
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "sums": dict(self._sums),
            "measured": self._is_measured,
            "best": {
                "score": float(self.best_score),
                "epoch": self.best_epoch,
                "learnt": self._best_learnt,
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state.

        Raises
        ------
        ValueError
            It began with another base model, or learns other weights.
        """
        if state["base"] != self._base or set(state["learnt"]) != set(self._best_learnt):
            raise ValueError("the base model is not the one that the run began with")
        state = copy.deepcopy(state)
        self._network.load_state_dict(state["learnt"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._sums = defaultdict(float, state["sums"])
        self._is_measured = state["measured"]
        best = state["best"]
        self.best_score, self.best_epoch = best["score"], best["epoch"]
        self._best_learnt = best["learnt"]

    def _learnt(self) -> dict[str, Tensor]:
        """Return a copy of the weights that are trained."""
        named = self._network.named_parameters()
        return {name: value.detach().clone() for name, value in named if value.requires_grad}

    def _encode(self) -> Iterator[Encoded]:
        """Fill the store, where the encoder stays as it is."""
        if not self.config.freezes_encoder:
            return
        images = [*self._draws.images(), *(bscan.image for bscan in self._validation)]
        at_once = self._workers.size
        for first in range(0, len(images), at_once):
            for image in self._workers.share(images[first : first + at_once]):
                self._store.embedding(image)
            yield Encoded(min(first + at_once, len(images)), len(images))
        self._workers.wait()

    def _take_step(self) -> Iterator[Event]:
        drawn = self._draws.drawn(self.epoch, self.step)
        rate = learning_rate(self.config, self.epoch * self.steps + self.step, self.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        before = self._gradient.at_once
        losses = self._backward([each for each in drawn if each.objects])
        self._workers.add_gradients(self._trained)
        losses = self._workers.add_losses(losses)
        self._check_finite(list(losses.values()))
        if losses:
            self._descend()
        self.step += 1
        for name, loss in losses.items():
            self._sums[name] += loss
        self._gradient.at_once = self._workers.least(self._gradient.at_once)
        if self._gradient.at_once < before:
            yield Told(_fewer_at_once(self._gradient.at_once))
        yield StepDone(self.epoch + 1, self.step, self.steps, rate, losses)

    def _backward(self, batch: Sequence[Drawn]) -> dict[str, float]:
        """Set this process's share of the gradient of the mean over all objects."""
        total = sum(len(drawn.objects) for drawn in batch)
        own = self._workers.share(batch)
        with_topology = self.epoch >= self.config.topology_warmup_epochs
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                return self._gradient.add(own, total, with_topology=with_topology)
            except NotEnoughMemoryError as error:
                if not self._gradient.halve(own):
                    raise UserError(
                        "Not even one object of a B-scan fits the memory: choose a smaller base "
                        "model, train the mask decoder only, or compute on the CPU."
                    ) from error

    def _descend(self) -> None:
        self._scaler.unscale_(self._optimizer)
        most = self.config.gradient_clip or math.inf
        norm = float(nn.utils.clip_grad_norm_(self._trained, most))
        if not self._scaler.is_enabled():  # else it leaves such a step out, and scales less
            self._check_finite([norm])
        self._scaler.step(self._optimizer)
        self._scaler.update()

    def _features(self, view: BScanView) -> Features:
        if self.config.freezes_encoder:
            embedding = self._store.embedding(view.image).to(self.model.device)
            return {name: part.clone() for name, part in embedding.features.items()}
        return self.model.features(view.image)

    def _check_finite(self, values: Sequence[float]) -> None:
        if np.isfinite(values).all():
            return
        names = ", ".join(self._draws.names(self.epoch, self.step))
        raise UserError(
            f"The loss is no number any more, in epoch {self.epoch + 1} at the B-scans {names}. "
            "The best weights so far are kept. Try a lower learning rate."
        )

    def _measure(self) -> Iterator[Event]:
        """Tell how the model is before it learns, as epoch 0."""
        classes, samples = yield from self._validate()
        self._is_measured = True
        if classes:
            yield EpochDone(0, {}, classes, mean_dice(classes))
        if samples:
            yield Samples(0, samples)

    def _finish_epoch(self) -> Iterator[Event]:
        losses = {name: total / self.steps for name, total in self._sums.items()}
        classes, samples = yield from self._validate()
        score = mean_dice(classes) if classes else -sum(losses.values())
        self.epoch, self.step = self.epoch + 1, 0
        self._sums.clear()
        best = score > self.best_score
        if best:
            self.best_score, self.best_epoch = score, self.epoch
            self._best_learnt = self._learnt()
        yield EpochDone(self.epoch, losses, classes, score, best)
        if samples:
            yield Samples(self.epoch, samples)

    def _validate(self) -> Generator[Event, None, Validation]:
        encode = self._store.embedding if self.config.freezes_encoder else self.model.encode
        shown = self.config.display_samples
        looking = validate(self.model, self._validation, self._schema, encode, shown)
        if self._workers.size > 1:
            return self._workers.from_first(lambda: _result(looking))
        return (yield from looking)


def _result(looking: Generator[Event, None, Validation]) -> Validation:
    """Return what a generator comes to, and leave out what it tells."""
    while True:
        try:
            next(looking)
        except StopIteration as end:
            return cast("Validation", end.value)


def _fewer_at_once(objects: int) -> str:
    return (
        f"Memory ran out: from now on, {objects} of a B-scan's objects are decoded at once. The "
        "result is the same; it takes longer."
    )
