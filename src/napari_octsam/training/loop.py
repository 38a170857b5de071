"""Fine-tuning of a promptable model on labelled B-scans: one loop, told as events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.model import Model
from napari_octsam.training.adaptation import adapter_record, as_configured, thaw
from napari_octsam.training.descent import Descent
from napari_octsam.training.distributed import ALONE, Workers, in_one_go
from napari_octsam.training.draws import StepDraws
from napari_octsam.training.encoding import Encoding
from napari_octsam.training.events import EpochDone, Event, Finished, Samples, StepDone, Told
from napari_octsam.training.learnt import LearntWeights
from napari_octsam.training.run.relabelling import label_hashes, relabelled, relabelled_note
from napari_octsam.training.validation import Validation, mean_dice, validate

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
        self.model = model = as_configured(model, config)
        self.config = config
        self.adapter = adapter_record(config)
        self._network: Any = model.network  # a Network that is an nn.Module too
        self._validation = list(validation)
        self._schema = schema
        self._labels = label_hashes([*training, *validation])
        self._judged_by = {bscan.name for bscan in validation or training}
        self.note = ""
        """A sentence for the person on what has changed since the state, or ""."""
        self._workers = workers
        self._draws = StepDraws(training, schema, config)
        self._encoding = Encoding(model, config, folder, workers)
        self._trained = thaw(self._network, config)
        self._learnt = LearntWeights(self._network)
        self._descent = Descent(
            model, self._trained, self._draws, self._encoding.features, config, workers
        )
        self.epoch, self.step = 0, 0
        self._sums: dict[str, float] = defaultdict(float)
        self._is_measured = False

    def run(self) -> Iterator[Event]:
        """Train to the last epoch; to stop, stop asking for the next event.

        Where several processes share the run, each tells the same events, so that all of them can
        agree to stop after one; nobody tells `Validated` then.
        """
        if self.end is None:
            yield from self._begin()
        while self.end is None:
            while self.step < self.steps:
                yield from self._take_step()
            yield from self._finish_epoch()
        yield Finished(self.end, self.best_epoch)

    def _begin(self) -> Iterator[Event]:
        self._workers.begin_alike(self._trained)
        images = chain(self._draws.images(), (bscan.image for bscan in self._validation))
        yield from self._encoding.prepare(images, self._draws.views + len(self._validation))
        if not self._is_measured:
            yield from self._measure()

    def _measure(self) -> Iterator[Event]:
        """Tell how the model is before it learns, as epoch 0."""
        classes, samples = yield from self._validate()
        self._is_measured = True
        if classes:
            yield EpochDone(0, {}, classes, mean_dice(classes))
        if samples:
            yield Samples(0, samples)

    def _take_step(self) -> Iterator[Event]:
        taken = yield from self._descent.take(self.epoch, self.step)
        self.step += 1
        for name, loss in taken.losses.items():
            self._sums[name] += loss
        if taken.note:
            yield Told(taken.note)
        yield StepDone(self.epoch + 1, self.step, self.steps, taken.rate, taken.losses)

    def _finish_epoch(self) -> Iterator[Event]:
        losses = {name: total / self.steps for name, total in self._sums.items()}
        classes, samples = yield from self._validate()
        score = mean_dice(classes) if classes else _score_of(losses)
        self.epoch, self.step = self.epoch + 1, 0
        self._sums.clear()
        best = self._learnt.judge(score, self.epoch)
        yield EpochDone(self.epoch, losses, classes, score, best)
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

    @property
    def is_finite(self) -> bool:
        """Whether all weights that are trained are numbers."""
        return self._learnt.is_finite

    @property
    def best_epoch(self) -> int:
        """The epoch of the highest score, from 1; 0 where none is done."""
        return self._learnt.best_epoch

    @property
    def best_score(self) -> float:
        """The highest score; minus infinity where no epoch is done."""
        return self._learnt.best_score

    @property
    def best_weights(self) -> dict[str, Tensor]:
        """The network's state dict as it was after the best epoch."""
        return self._learnt.best

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the network's state dict."""
        return {name: value.detach().clone() for name, value in self._network.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs to go on: what is frozen is not repeated."""
        return {
            **self._learnt.state_dict(),
            **self._descent.state_dict(),
            "labels": self._labels,
            "epoch": self.epoch,
            "step": self.step,
            "sums": dict(self._sums),
            "measured": self._is_measured,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; where labels have changed since, `note` says so.

        Raises
        ------
        UserError
            It began with another base model.
        """
        self._learnt.load_state_dict(state)
        self._descent.load_state_dict(state)
        self.epoch, self.step = state["epoch"], state["step"]
        self._sums = defaultdict(float, state["sums"])
        self._is_measured = state["measured"]
        self._compare_labels(state.get("labels", {}))

    def _compare_labels(self, before: Mapping[str, str]) -> None:
        changed = relabelled(before, self._labels)
        judged_by = not self._judged_by.isdisjoint(changed)
        if judged_by:
            self._learnt.forget_score()
        self.note = relabelled_note(changed, judged_by=judged_by) if changed else ""


def _score_of(losses: Mapping[str, float]) -> float:
    """Return the negative loss without its topology part, which only the later epochs have."""
    return -sum(loss for name, loss in losses.items() if name != "topology")
