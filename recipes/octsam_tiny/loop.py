"""Training of octsam-tiny from scratch: one loop, told as a generator of events."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.core.errors import UserError
from napari_octsam.models.cores import sharing_the_cores
from napari_octsam.models.tiny.network import TinyNetwork
from napari_octsam.training.run.states import restore_state, write_state
from recipes.octsam_tiny.augment import random_view
from recipes.octsam_tiny.learners import Learners, Promptable
from recipes.octsam_tiny.objects import draw_objects
from recipes.octsam_tiny.recipe import DataShares, PretrainConfig, Stage
from recipes.octsam_tiny.samples import SampleSource
from recipes.octsam_tiny.step_losses import StepLosses, Totals, ViewDraw

__all__ = ["PretrainStep", "Pretraining"]

_MOST_CORRECTIONS = 3
_SAVE_EVERY = 100  # steps
_GROUPS = 2  # of a step's views on a CPU, side by side


@dataclass(frozen=True, slots=True)
class PretrainStep:
    """A step is done: its number, its losses, and whether what was reached is saved."""

    step: int
    losses: dict[str, float] = field(default_factory=dict)
    saved: bool = False


class Pretraining:
    """The state of a training run; `run` goes on from wherever it stands.

    Parameters
    ----------
    source_of
        Gives what draws labelled B-scans by these shares.
    config
        The numbers.
    make_network
        Makes the network that learns, with random weights.
    device
        Where it computes.

    Attributes
    ----------
    trained : Learners
        As it is after the last step.
    average : Learners
        Its moving average.
    """

    def __init__(
        self,
        source_of: Callable[[DataShares], SampleSource],
        config: PretrainConfig,
        make_network: Callable[[], Promptable] = TinyNetwork,
        device: torch.device | str = "cpu",
    ) -> None:
        torch.manual_seed(config.seed)
        self._sources = {shares: source_of(shares) for shares in config.all_shares}
        self._data = sorted(source.fingerprint for source in self._sources.values())
        self.config = config
        self.device = torch.device(device)
        self.trained = Learners(make_network()).to(self.device)
        self.average = copy.deepcopy(self.trained).requires_grad_(False)
        self.optimizer = self._new_optimizer()
        self._losses = StepLosses(self.trained, config, self.device)
        self.step = 0

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.trained.parameters(),
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
        )

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights of the network."""
        return self.average.network.state_dict()

    def run(self) -> Iterator[PretrainStep]:
        """Train to the last step, telling each.

        Raises
        ------
        UserError
            The loss or the gradient is no number.
        """
        last = self.config.steps - 1
        if self.step > last:
            return
        # the next step is drawn while this one is taken, by one thread: learners want the cores
        with (
            ThreadPoolExecutor(1, "draws", torch.set_num_threads, (1,)) as ahead,
            sharing_the_cores(self._groups) as learners,
        ):
            drawn = ahead.submit(self._draw, self.step)
            while self.step <= last:
                draws = drawn.result()
                if self.step < last:
                    drawn = ahead.submit(self._draw, self.step + 1)
                yield self._take(draws, learners)

    def run_saving(self, path: Path) -> Iterator[PretrainStep]:
        """Train as `run` does, saving to `path` now and then and after the last step.

        Raises
        ------
        UserError
            As of `run` and `save`.
        """
        for event in self.run():
            saved = event.step % _SAVE_EVERY == 0 or event.step == self.config.steps
            if saved:
                self.save(path)
            yield replace(event, saved=saved)

    def _draw(self, step: int) -> list[ViewDraw]:
        """Draw all that is random of a step, from its number."""
        rng = np.random.default_rng((self.config.seed, step))
        stage = self.config.stage(step)
        size = self.trained.network.input_size
        draws = []
        for _ in range(stage.views):
            sample = self._sources[self.config.shares(stage)](rng)
            columns = min(stage.columns, size[1])
            view = random_view(sample, size, rng, columns, stage.exports)
            objects = draw_objects(view.maps, stage.objects, rng)
            corrections = 0
            if rng.random() < stage.corrected:
                corrections = int(rng.integers(1, _MOST_CORRECTIONS + 1))
            draws.append(ViewDraw(view, objects, corrections))
        return draws

    @property
    def _groups(self) -> int:
        return _GROUPS if self.device.type == "cpu" else 1

    def _take(self, draws: Sequence[ViewDraw], learners: Executor) -> PretrainStep:
        """Take a step. Two gradients give one sum in either order: it can be had again."""
        if self.config.restarts(self.step):
            self._restart()
        self.optimizer.zero_grad(set_to_none=True)
        groups = [draws[i :: self._groups] for i in range(min(self._groups, len(draws)))]
        stage = self.config.stage(self.step)
        learn = partial(self._add_gradient, stage, Totals.of(draws), 1 / len(draws))
        losses: defaultdict[str, float] = defaultdict(float)
        for found in learners.map(learn, groups):
            for name, loss in found.items():
                losses[name] += loss
        if losses:  # else there is nothing to ask for, and pixels are not named
            self._descend(sum(losses.values()))
        self.step += 1
        return PretrainStep(self.step, dict(losses))

    def _restart(self) -> None:
        """Go on from the average, which is better, with an optimizer that remembers nothing."""
        self.trained.load_state_dict(self.average.state_dict())
        self.optimizer = self._new_optimizer()

    def _add_gradient(
        self, stage: Stage, totals: Totals, share: float, group: Sequence[ViewDraw]
    ) -> dict[str, float]:
        """Add the gradient of a group of a step's draws; return its part of the losses.

        Each draw is `share` of the step.
        """
        losses = self._losses.of(group, stage, totals, share * len(group))
        if losses:
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _descend(self, total: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self.config.rate(self.step)
        norm = nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        if not (total + norm).isfinite():
            raise UserError(
                f"The loss is no number any more, at step {self.step + 1}: delete the "
                "state that was saved, and begin again with another seed."
            )
        self.optimizer.step()
        self._update_average()

    def _update_average(self) -> None:
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), self.trained.state_dict().values(), strict=True
            ):
                mean.lerp_(now, 1 - decay)

    def save(self, path: Path) -> None:
        """Write all that `restore` needs; where that fails, the last state stays as it was.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        state = {
            "recipe": self.config.model_dump(mode="json"),
            "data": self._data,
            "trained": self.trained.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
        }
        write_state(path, state)

    def restore(self, path: Path) -> None:
        """Go on from a state that `save` wrote.

        Raises
        ------
        UserError
            It is damaged, no such state, or one of a training by other numbers.
        """
        restore_state(path, self._take_over, self.device)

    def _take_over(self, state: dict[str, Any]) -> None:
        if state["recipe"] != self.config.model_dump(mode="json"):
            raise UserError(
                "it was made with another recipe or seed: use those, or move the state away."
            )
        if state["data"] != self._data:
            raise UserError("it was made from other B-scans: use those, or move the state away.")
        self.trained.load_state_dict(state["trained"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
