"""Fine-tuning of a promptable model on labelled B-scans, from top to bottom.

    encode the B-scans, and measure the model before it learns (epoch 0)
    for each epoch:
        for each step:
            for each B-scan of the step, and each group of its objects:
                decode their prompts, compare with the truth, add the gradient
            clip the gradient, and let the optimizer change the weights
        validate, and keep the best weights

It is told as events: whoever asks for no more has stopped it, in the middle of a step too.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.devices import NotEnoughMemoryError, explaining_memory
from napari_octsam.models.model import Model
from napari_octsam.models.named_classes import named_classes
from napari_octsam.models.network import Embedding, Features
from napari_octsam.models.prompt_batches import quickest_batch
from napari_octsam.training.adaptation import (
    adapter_record,
    as_configured,
    frozen_hash,
    gradient_scaler,
    thaw,
)
from napari_octsam.training.batches import decode_in_batches, placement_of
from napari_octsam.training.distributed import ALONE, Workers, in_one_go
from napari_octsam.training.draws import Drawn, StepDraws
from napari_octsam.training.encoding import Encoding, cut_off, pass_on
from napari_octsam.training.events import (
    EpochDone,
    Event,
    Finished,
    Samples,
    StepDone,
    StepPart,
    Told,
)
from napari_octsam.training.losses.objects import object_losses
from napari_octsam.training.losses.segmentation import segmentation_loss
from napari_octsam.training.losses.topology import make_topology_loss, topology_loss
from napari_octsam.training.older_states import completed
from napari_octsam.training.prompts.corrections import corrected
from napari_octsam.training.prompts.simulation import SimulatedObject
from napari_octsam.training.relabelling import label_hashes, relabelled, relabelled_note
from napari_octsam.training.schedule import learning_rate, make_optimizer, topology_begins
from napari_octsam.training.validation import Validation, score_of, validate
from napari_octsam.training.views import BScanView

__all__ = ["FineTuning"]

_ON_CPU = 8  # objects at once: more are no faster there, and Stop would be heard later


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

    Attributes
    ----------
    epoch, step : int
        That are done; steps of the epoch that has begun.
    best_epoch : int
        The epoch of the highest score, from 1; 0 where none is done.
    best_score : float
        The highest score; minus infinity where no epoch is done.
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
    ) -> None:
        self.model = model = as_configured(model, config)
        self.config = config
        self.adapter = adapter_record(config)
        self.note = ""
        self._network: Any = model.network  # a Network that is an nn.Module too
        self._validation = list(validation)
        self._schema = schema
        self._labels = label_hashes([*training, *validation])
        self._judged_by = {bscan.name for bscan in validation or training}
        self._workers = workers
        self._draws = StepDraws(training, schema, config)
        self._encoding = Encoding(model, config, folder, workers)
        self._trained = thaw(self._network, config)
        self._base = frozen_hash(self._network)
        self._segmentation = segmentation_loss(config.loss)
        self._topology = make_topology_loss(config)
        self._optimizer = make_optimizer(self._trained, config)
        self._scaler = gradient_scaler(model, config)
        on_cpu = model.device.type == "cpu"
        self._at_once = min(config.objects, _ON_CPU) if on_cpu else config.objects
        self.epoch, self.step = 0, 0
        self._sums: dict[str, float] = defaultdict(float)  # of the epoch's losses so far
        self._is_measured = False
        self.best_epoch, self.best_score = 0, -math.inf
        self._best = self._learnt()

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
        while self.end is None:
            while self.step < self.steps:
                yield from self._take_step()
            yield from self._finish_epoch()
        if not self.best_epoch:
            raise UserError(
                "The score of no epoch is a number: begin a new training with a lower learning "
                "rate, or look at the labels of the validation part."
            )
        yield Finished(self.end, self.best_epoch)

    @property
    def end(self) -> Literal["all epochs", "no more gain"] | None:
        """Why there is nothing more to train; None while there is."""
        if self.config.patience and self.epoch - self.best_epoch >= self.config.patience:
            return "no more gain"
        return "all epochs" if self.epoch >= self.config.epochs else None

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return self._draws.steps

    def _begin(self) -> Iterator[Event]:
        self._workers.begin_alike(self._trained)
        images = chain(self._draws.images(), (bscan.image for bscan in self._validation))
        yield from self._encoding.prepare(images, self._draws.views + len(self._validation))
        if self._is_measured:
            return
        classes, samples = yield from self._validate()
        self._is_measured = True
        if classes:
            yield EpochDone(0, {}, classes, score_of(classes, {}))
        if samples:
            yield Samples(0, samples)

    def _take_step(self) -> Iterator[Event]:
        """Learn from a step's B-scans; nothing is changed before all of them have been seen."""
        drawn = [each for each in self._draws.drawn(self.epoch, self.step) if each.objects]
        rate = learning_rate(self.config, self.epoch * self.steps + self.step, self.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

        at_once = self._at_once
        while True:
            self._optimizer.zero_grad(set_to_none=True)
            try:
                losses = yield from self._add_gradients(drawn)
                break
            except NotEnoughMemoryError as error:
                self._take_fewer_at_once(drawn, error)
        losses = self._workers.add_losses(losses)
        self._workers.add_gradients(self._trained)

        norm = self._clip_gradient() if losses else 0.0
        if not np.isfinite([*losses.values(), norm]).all():
            raise UserError(_no_number(self.epoch, self._draws.names(self.epoch, self.step)))
        if losses:
            self._scaler.step(self._optimizer)
            self._scaler.update()

        self.step += 1
        for name, loss in losses.items():
            self._sums[name] += loss
        self._at_once = self._workers.least(self._at_once)
        if self._at_once < at_once:
            yield Told(_fewer_at_once(self._at_once))
        yield StepDone(self.epoch + 1, self.step, self.steps, rate, losses)

    def _add_gradients(
        self, drawn: Sequence[Drawn[BScanView]]
    ) -> Generator[StepPart, None, dict[str, float]]:
        """Add this process's share of the gradient of the mean over all objects, group by group.

        Returns
        -------
        Its share of the parts of the loss, weighted as they are summed.
        """
        total, done = sum(len(each.objects) for each in drawn), 0
        parts: dict[str, float] = defaultdict(float)
        with explaining_memory(self.model.device):
            for view, objects, corrections in self._workers.share(drawn):
                encoded = self._encoding.features(view)
                features = cut_off(encoded)
                predict = partial(self._masks, Embedding(features, view.shape))
                for start in range(0, len(objects), self._at_once):
                    group = objects[start : start + self._at_once]
                    group = corrected(group, corrections, predict)
                    losses = self._losses(features, group, view.shape)
                    share = len(group) / total
                    loss = torch.stack(list(losses.values())).sum() * share
                    self._scaler.scale(loss).backward()
                    for name, loss in losses.items():
                        parts[name] += share * float(loss.detach())
                    done += len(group)
                    if self._workers.size == 1:  # else each has its own number of groups
                        yield StepPart(done, total)
                pass_on(features, encoded)
        return dict(parts)

    def _masks(self, embedding: Embedding, prompts: Sequence[Prompt]) -> list[Mask]:
        """Return the mask of each prompt, as the model finds it now."""
        decoded = self.model.decode(embedding, prompts, self._schema)
        return [each.window().mask(embedding.shape) for each in decoded]

    def _losses(
        self, features: Features, objects: Sequence[SimulatedObject], shape: tuple[int, int]
    ) -> dict[str, Tensor]:
        """Decode the prompts of objects of one B-scan, and compare with their masks.

        Each part of the loss is a mean over the objects.
        """
        network, header, device = self._network, self.model.header, self.model.device
        placement = placement_of(header.profile, shape, network)
        image = network.prepare(features)
        prompts = [each.prompt for each in objects]
        order, (logits, scores) = decode_in_batches(
            network,
            lambda prompts: network.decode_masks(image, prompts, placement.extent),
            prompts,
            placement,
            device,
            quickest_batch(network, device),
            named_classes(network.known_schemas, self._schema, prompts),
        )
        logits, scores = logits.float(), scores.float()
        truth = placement.truth([objects[i] for i in order], device)
        candidates = not header.single_mask
        losses = object_losses(logits, scores, truth, self._segmentation, candidates=candidates)
        if self._topology is not None and self.epoch >= topology_begins(self.config):
            topology = topology_loss(self._topology, logits[:, 0], truth)
            if topology is not None:
                losses["topology"] = topology
        return losses

    def _take_fewer_at_once(
        self, drawn: Sequence[Drawn[BScanView]], error: NotEnoughMemoryError
    ) -> None:
        """Decode half as many objects together as those that did not fit the memory."""
        most = max(len(each.objects) for each in self._workers.share(drawn))
        at_once = min(self._at_once, most)
        if at_once == 1:
            raise UserError(
                "Not even one object of a B-scan fits the memory: choose a smaller base "
                "model, train the mask decoder only, or compute on the CPU."
            ) from error
        self._at_once = at_once // 2

    def _clip_gradient(self) -> float:
        """Clip the gradient; return its norm, or 0 where the scaler judges it."""
        self._scaler.unscale_(self._optimizer)
        most = self.config.gradient_clip or math.inf
        norm = float(nn.utils.clip_grad_norm_(self._trained, most))
        return 0.0 if self._scaler.is_enabled() else norm  # it leaves such a step out, scales less

    def _finish_epoch(self) -> Iterator[Event]:
        if not self.is_finite:
            raise UserError(_no_weights(self.epoch))
        losses = {name: total / self.steps for name, total in self._sums.items()}
        classes, samples = yield from self._validate()
        score = score_of(classes, losses)
        self.epoch, self.step = self.epoch + 1, 0
        self._sums.clear()
        is_best = score > self.best_score
        if is_best:
            self.best_epoch, self.best_score, self._best = self.epoch, score, self._learnt()
        yield EpochDone(self.epoch, losses, classes, score, is_best)
        if samples:
            yield Samples(self.epoch, samples)

    def _validate(self) -> Generator[Event, None, Validation]:
        looking = validate(
            *(self.model, self._validation, self._schema, self._encoding.embedding),
            display=self.config.display_samples,
            background=self.config.background,
        )
        if self._workers.size > 1:
            return self._workers.from_first(lambda: in_one_go(looking))
        return (yield from looking)

    def _named(self) -> dict[str, Tensor]:
        """Return the weights that are trained, in the optimizer's order."""
        names = {parameter: name for name, parameter in self._network.named_parameters()}
        return {names[parameter]: parameter for parameter in self._trained}

    def _learnt(self) -> dict[str, Tensor]:
        """Return a copy of the weights that are trained."""
        return {name: value.detach().clone() for name, value in self._named().items()}

    @property
    def is_finite(self) -> bool:
        """Whether all weights that are trained are numbers."""
        return all(bool(weight.isfinite().all()) for weight in self._learnt().values())

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
            "learnt": self._learnt(),
            "base": self._base,
            "best": {
                "score": float(self.best_score),
                "epoch": self.best_epoch,
                "learnt": self._best,
            },
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
            "labels": self._labels,
            "epoch": self.epoch,
            "step": self.step,
            "sums": dict(self._sums),
            "measured": self._is_measured,
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
        state = completed(state, self._named(), begins_at_zero)
        if state["base"] != self._base or _shapes(state["learnt"]) != _shapes(self._best):
            raise UserError(
                "it began with another base model than that which is there now: put the first one "
                "back, or begin a new run."
            )
        self._network.load_state_dict(state["learnt"], strict=False)
        # torch's optimizers go on in the very tensors that they are given
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._scaler.load_state_dict(state["scaler"])
        best = state["best"]
        self.best_epoch, self.best_score = best["epoch"], best["score"]
        self._best = dict(best["learnt"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._sums = defaultdict(float, state["sums"])
        self._is_measured = state["measured"]
        changed = relabelled(state.get("labels", {}), self._labels)
        judged_by = not self._judged_by.isdisjoint(changed)
        if judged_by:
            self.best_score = -math.inf  # the next epoch is the best, whatever came before
        self.note = relabelled_note(changed, judged_by=judged_by) if changed else ""


def _shapes(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in weights.items()}


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


def _no_weights(epoch: int) -> str:
    return (
        f"Weights are no numbers any more, at the end of epoch {epoch + 1}. Begin a new training "
        "with a lower learning rate."
    )
