"""Fine-tuning of a promptable model on labelled B-scans, from top to bottom.

    encode the B-scans, and measure the model before it learns (epoch 0)
    time a step, where the run is to take so many minutes
    for each epoch:
        for each step:
            add the gradients of all that its B-scans show (see `training.gradient`)
            clip the gradient, and let the optimizer change the weights
        validate, and keep the best weights
    go back to the weights of before as far as that is better, where all of them have learnt

It is told as events: whoever asks for no more has stopped it, in the middle of a step too.
"""

from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.devices import NotEnoughMemoryError
from napari_octsam.models.model import Model
from napari_octsam.training import sentences
from napari_octsam.training.adaptation import (
    adapter_record,
    as_configured,
    frozen_hash,
    gradient_scaler,
    thaw,
)
from napari_octsam.training.distributed import ALONE, Workers, in_one_go
from napari_octsam.training.draws import Drawn, StepDraws
from napari_octsam.training.encoding import Encoding
from napari_octsam.training.events import (
    EpochDone,
    Event,
    Finished,
    Mixed,
    Planned,
    Sample,
    Samples,
    StepDone,
    StepPart,
    Told,
)
from napari_octsam.training.gradient import StepGradient
from napari_octsam.training.length import Length, length_in_time, told_length
from napari_octsam.training.mixing import SHARES, Tried, best_share
from napari_octsam.training.naming import knowing
from napari_octsam.training.older_states import completed
from napari_octsam.training.rehearsal import remembered
from napari_octsam.training.relabelling import label_hashes, relabelled, relabelled_note
from napari_octsam.training.schedule import (
    learning_rate,
    make_optimizer,
    set_rate,
    topology_begins,
)
from napari_octsam.training.validation import Validating, Validation, score_of
from napari_octsam.training.views import BScanView
from napari_octsam.training.weights import TrainedWeights, between, hash_of, shapes_of

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
    clock
        Tells the seconds of the minutes that it may take.
    unlabelled
        (H, W) uint8 B-scans that nobody labelled, for the prior on shapes.

    Attributes
    ----------
    config : TrainConfig
        The settings, with what was left open as it suits the network.
    length : Length or None
        How long it is, once that is known: where it is told in minutes, when a step was timed.
    epoch, step : int
        That are done; steps of the epoch that has begun.
    first_score : float or None
        The score before it learns, once that is measured and there is something to validate on.
    best_epoch : int
        The epoch of the highest score, from 1; 0 where none is done.
    best_score : float
        The highest score; minus infinity where no epoch is done.
    share : float or None
        How far the best weights went from those of before to what was learnt, once that is chosen.
    note : str
        A sentence for the person on what has changed since the state, or "".

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
        clock: Callable[[], float] = time.monotonic,
        unlabelled: Sequence[npt.NDArray[np.uint8]] = (),
    ) -> None:
        self._clock, self._begun_at = clock, clock()
        self.config = config = config.suited(names=bool(model.header.naming))
        model = as_configured(model, config)
        fresh: list[nn.Parameter] = []
        self._names = config.adapts == "everything" and bool(model.header.naming)
        if self._names:
            model, fresh = knowing(model, schema)
        self.model = model
        self.adapter = adapter_record(config)
        self.note = ""
        self._network: Any = model.network  # a Network that is an nn.Module too
        self._validation = list(validation)
        self._labels = label_hashes([*training, *validation])
        self._judged_by = {bscan.name for bscan in validation or training}
        self._workers = workers
        self._draws = StepDraws(training, schema, config)
        self._encoding = Encoding(model, config, folder, workers)
        self._gradient = StepGradient(
            *(model, schema, config, self._encoding, workers),
            names=self._names,
            unlabelled=unlabelled,
        )
        self._validating = Validating(
            *(model, training, validation, schema, config, self._encoding.embedding),
            lambda bscan, embedding: self._gradient.losses_of(
                self._draws.looked_at(bscan), embedding
            ),
        )
        self._trained = TrainedWeights(self._network, thaw(self._network, config))
        self._base = frozen_hash(self._network)
        self._before = self._trained.copied() if self._names else {}
        self._optimizer = make_optimizer(self._trained.parameters, config, fresh)
        self._scaler = gradient_scaler(model, config)
        self.length = told_length(config, self._draws.steps)
        self._validation_took = 0.0  # seconds, at first
        self.epoch, self.step = 0, 0
        self._sums: dict[str, float] = defaultdict(float)  # of the epoch's losses so far
        self._is_measured = False
        self.first_score: float | None = None
        self.best_epoch, self.best_score = 0, -math.inf
        self.share: float | None = None
        self._best = self._trained.copied()

    def run(self) -> Iterator[Event]:
        """Train to the last epoch; to stop, stop asking for the next event.

        Where several processes share the run, each tells the same events, so that all of them can
        agree to stop after one; nobody tells `Validated` or `StepPart` then.

        Raises
        ------
        UserError
            The loss, the gradient, a weight or every score is no number, or not even one object
            fits the memory.
        """
        if self.end is None:
            yield from self._begin()
            length = self.length = self.length or (yield from self._plan())
            yield Planned(length.epochs, length.steps)
        while self.end is None:
            while self.step < self.steps:
                yield from self._take_step()
            yield from self._finish_epoch()
        if not self.best_epoch:
            raise UserError(sentences.no_epoch_scores())
        if self._names and self.share is None:
            yield from self._mix()
        yield Finished(self.end, self.best_epoch)

    @property
    def end(self) -> Literal["all epochs", "no more gain"] | None:
        """Why there is nothing more to train; None while there is."""
        if self.config.patience and self.epoch - self.best_epoch >= self.config.patience:
            return "no more gain"
        is_over = self.length is not None and self.epoch >= self.length.epochs
        return "all epochs" if is_over else None

    @property
    def steps(self) -> int:
        """Steps in an epoch; 0 while that is not known."""
        return self.length.steps if self.length is not None else 0

    def _begin(self) -> Iterator[Event]:
        self._workers.begin_alike(self._trained.parameters)
        images = chain(self._draws.images(), (bscan.image for bscan in self._validation))
        yield from self._encoding.prepare(images, self._draws.views + len(self._validation))
        if self._is_measured:
            return
        begun = self._clock()
        found = yield from self._validate()
        self._validation_took = self._clock() - begun
        self._is_measured = True
        if found.classes:
            self.first_score = score_of(found, {})
            yield EpochDone(
                *(0, {}, found.classes, self.first_score),
                automatic=found.automatic,
                validation=found.losses,
            )
        if found.samples:
            yield Samples(0, found.samples)

    def _plan(self) -> Generator[Event, None, Length]:
        """Return how many steps fit the time: two are timed, and change nothing."""
        assert self.config.minutes is not None
        for step in range(2):  # the first one is slower
            begun = self._clock()
            yield from self._gather(0, step, 2)
            took = self._clock() - begun
        self._optimizer.zero_grad(set_to_none=True)
        left = self.config.minutes * 60 - (self._clock() - self._begun_at)
        left -= len(SHARES) * self._validation_took  # at the end
        found = length_in_time(left, took, self._validation_took, self._draws.count)
        return Length(*map(self._workers.least, (found.epochs, found.steps)))

    def _take_step(self) -> Iterator[Event]:
        """Learn from a step's B-scans; nothing is changed before all of them have been seen."""
        assert self.length is not None
        steps = self.steps
        rate = learning_rate(self.config, self.epoch * steps + self.step, self.length.total)
        set_rate(self._optimizer, rate)

        groups = self._gradient.groups
        at_once = groups.size
        losses = yield from self._gather(self.epoch, self.step, steps)
        losses = self._workers.add_losses(losses)
        self._workers.add_gradients(self._trained.parameters)

        norm = self._clip_gradient() if losses else 0.0
        if not np.isfinite([*losses.values(), norm]).all():
            names = self._draws.names(self.epoch, self.step, steps)
            raise UserError(sentences.no_number(self.epoch, names))
        if losses:
            self._scaler.step(self._optimizer)
            self._scaler.update()

        self.step += 1
        for name, loss in losses.items():
            self._sums[name] += loss
        groups.size = self._workers.least(groups.size)
        if groups.size < at_once:
            yield Told(sentences.fewer_at_once(groups.size))
        yield StepDone(self.epoch + 1, self.step, steps, rate, losses)

    def _drawn(self, epoch: int, step: int, steps: int) -> list[Drawn[BScanView]]:
        """Return what a step learns from, as far as there is something to learn."""
        drawn = self._draws.drawn(epoch, step, steps)
        return [each for each in drawn if each.objects or self._names]

    def _gather(
        self, epoch: int, step: int, steps: int
    ) -> Generator[StepPart, None, dict[str, float]]:
        """Begin the gradient of a step anew, in groups that fit the memory.

        Returns
        -------
        This process's share of the parts of the loss, weighted as they are summed.
        """
        drawn = self._drawn(epoch, step, steps)
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                return (
                    yield from self._gradient.add(
                        drawn, (epoch, step), self._go_back, topology=self._is_topology_on
                    )
                )
            except NotEnoughMemoryError as error:
                self._gradient.halve(drawn, error)

    def _go_back(self, loss: Tensor) -> None:
        self._scaler.scale(loss).backward()

    @property
    def _is_topology_on(self) -> bool:
        """Whether the topology loss has begun; steps that are timed have it in any case."""
        if self.length is None:
            return True
        return self.epoch >= topology_begins(self.config, self.length.epochs)

    def _clip_gradient(self) -> float:
        """Clip the gradient; return its norm, or 0 where the scaler judges it."""
        self._scaler.unscale_(self._optimizer)
        most = self.config.gradient_clip or math.inf
        norm = float(nn.utils.clip_grad_norm_(self._trained.parameters, most))
        return 0.0 if self._scaler.is_enabled() else norm  # it leaves such a step out, scales less

    def _finish_epoch(self) -> Iterator[Event]:
        if not self.is_finite:
            raise UserError(sentences.no_weights(self.epoch))
        losses = {name: total / self.steps for name, total in self._sums.items()}
        found = yield from self._validate()
        score = score_of(found, losses)
        self.epoch, self.step = self.epoch + 1, 0
        self._sums.clear()
        is_best = score > self.best_score
        if is_best:
            self.best_epoch, self.best_score = self.epoch, score
            self._best = self._trained.copied()
        yield EpochDone(
            *(self.epoch, losses, found.classes, score, is_best, found.automatic),
            validation=found.losses,
        )
        if found.samples:
            yield Samples(self.epoch, found.samples)

    def _mix(self) -> Iterator[Event]:
        """Go back from the best weights to those of before, as far as both are best."""
        tried: dict[float, Tried] = {}
        samples: dict[float, tuple[Sample, ...]] = {}
        for share in SHARES:
            self._trained.put(between(self._before, self._best, share))
            found = yield from self._validate()
            score = score_of(found, {}) if found.classes else None
            samples[share] = found.samples
            tried[share] = Tried(score, self._workers.from_first(lambda: remembered(self.model)))
        self.share = best_share(tried)
        self._best = between(self._before, self._best, self.share)
        self._trained.put(self._best)
        if (score := tried[self.share].learnt) is not None:
            self.best_score = score
        yield Mixed(self.share, tried[self.share].learnt, tried[self.share].remembered)
        if samples[self.share]:
            yield Samples(self.epoch, samples[self.share])

    def _validate(self) -> Generator[Event, None, Validation]:
        looking = self._validating.look()
        if self._workers.size > 1:
            return self._workers.from_first(lambda: in_one_go(looking))
        return (yield from looking)

    @property
    def is_finite(self) -> bool:
        """Whether all weights that are trained are numbers."""
        return self._trained.is_finite

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's state dict."""
        return {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    @property
    def best_weights(self) -> dict[str, Tensor]:
        """The network's state dict as it was after the best epoch."""
        return {**self._network.state_dict(), **self._best}

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on: what is frozen is not repeated."""
        return {
            "learnt": self._trained.copied(),
            "base": self._base,
            "before": hash_of(self._before),
            "length": None if self.length is None else [self.length.epochs, self.length.steps],
            "best": {
                "score": float(self.best_score),
                "epoch": self.best_epoch,
                "share": self.share,
                "learnt": self._best,
            },
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "labels": self._labels,
            "epoch": self.epoch,
            "step": self.step,
            "sums": dict(self._sums),
            "measured": self._is_measured,
            "first": self.first_score,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; where labels have changed since, `note` says so.

        Weights that an older version did not have begin at zero, where the architecture says so.

        Raises
        ------
        UserError
            It began with another base model.
        """
        begins_at_zero = ARCHITECTURES[self.model.header.architecture].begins_at_zero
        before = hash_of(self._before)
        state = completed(state, self._trained.by_name, begins_at_zero, before)
        same_base = (state["base"], state["before"]) == (self._base, before)
        if not same_base or shapes_of(state["learnt"]) != shapes_of(self._best):
            raise UserError(sentences.other_base())
        self._trained.put(state["learnt"])
        # torch's optimizers go on in the very tensors that they are given
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._scaler.load_state_dict(state["scaler"])
        best = state["best"]
        self.best_epoch, self.best_score, self.share = best["epoch"], best["score"], best["share"]
        self._best = dict(best["learnt"])
        self.length = self.length if state["length"] is None else Length(*state["length"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._sums = defaultdict(float, state["sums"])
        self._is_measured, self.first_score = state["measured"], state["first"]
        changed = relabelled(state.get("labels", {}), self._labels)
        judged_by = not self._judged_by.isdisjoint(changed)
        if judged_by:
            self.best_score = -math.inf  # the next epoch is the best, whatever came before
        self.note = relabelled_note(changed, judged_by=judged_by) if changed else ""
