"""Training of octsam-tiny: one loop, told as a generator of events."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.core.errors import UserError
from napari_octsam.models.cores import sharing_the_cores
from napari_octsam.models.precision import faster_precision
from napari_octsam.models.tiny.network import TinyNetwork
from napari_octsam.topology.losses import TopologyLoss
from napari_octsam.training.batches import Placement
from napari_octsam.training.draws import Drawn
from napari_octsam.training.losses.objects import Truth, mask_loss, object_losses
from napari_octsam.training.losses.topology import topology_loss
from napari_octsam.training.prompts.corrections import corrected
from napari_octsam.training.prompts.simulation import SimulatedObject
from napari_octsam.training.run.states import restore_state, write_state
from recipes.octsam_tiny.augment import View, random_view
from recipes.octsam_tiny.batches import classes_of, decode_view, placement_of_view, predicted_masks
from recipes.octsam_tiny.learners import Learners, Promptable
from recipes.octsam_tiny.naming import naming_loss
from recipes.octsam_tiny.objects import draw_objects
from recipes.octsam_tiny.recipe import DataShares, PretrainConfig, Stage
from recipes.octsam_tiny.samples import SampleSource

__all__ = ["PretrainStep", "Pretraining"]

_MOST_CORRECTIONS = 3
_SAVE_EVERY = 100  # steps
_GROUPS = 2  # of a step's views on a CPU, side by side
_LAYERS = "layers7"  # schema whose objects get the topology loss


@dataclass(frozen=True, slots=True)
class PretrainStep:
    """A step is done: its number, its losses, and whether what was reached is saved."""

    step: int
    losses: dict[str, float] = field(default_factory=dict)
    saved: bool = False


class Totals(NamedTuple):
    """How many views and objects of a step each of the losses is a mean of."""

    views: int
    objects: int
    untold: int
    layers: int

    @classmethod
    def of(cls, draws: Sequence[Drawn[View]]) -> Totals:
        """Count them."""
        objects = [each for draw in draws for each in draw.objects]
        untold, layers = sum(map(_is_untold, objects)), sum(map(_is_layer, objects))
        return cls(len(draws), len(objects), untold, layers)


def _is_untold(each: SimulatedObject) -> bool:
    """Whether the network must find out the class by itself."""
    return each.named is not None and not each.prompt.names_class


def _is_layer(each: SimulatedObject) -> bool:
    return each.named is not None and each.named[0] == _LAYERS


class Pretraining:
    """The state of a training run; `run` goes on from wherever it stands.

    Parameters
    ----------
    source_of
        Gives what draws labelled B-scans by these shares.
    config
        The numbers.
    make_network
        Makes the network that learns, with the weights to begin from.
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
        self._topology = TopologyLoss()
        # elsewhere it is emulated: twenty times slower than float32 on many CPUs
        self._in_bfloat16 = faster_precision(self.device) == "bfloat16"
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

    def _draw(self, step: int) -> list[Drawn[View]]:
        """Draw all that is random of a step, from its number."""
        rng = np.random.default_rng((self.config.seed, step))
        stage = self.config.stage(step)
        size = self.trained.network.input_size
        draws = []
        for _ in range(stage.views):
            sample = self._sources[self.config.shares(stage)](rng)
            columns = min(stage.columns, size[1])
            view = random_view(sample, size, rng, columns, stage.exports, stage.devices)
            objects = draw_objects(view.maps, stage.objects, rng, stage.loose)
            corrections = 0
            if rng.random() < stage.corrected:
                corrections = int(rng.integers(1, _MOST_CORRECTIONS + 1))
            draws.append(Drawn(view, objects, corrections))
        return draws

    @property
    def _groups(self) -> int:
        return _GROUPS if self.device.type == "cpu" else 1

    def _take(self, draws: Sequence[Drawn[View]], learners: Executor) -> PretrainStep:
        """Take a step. Two gradients give one sum in either order: it can be had again."""
        if self.config.restarts(self.step):
            self._restart()
        self.optimizer.zero_grad(set_to_none=True)
        groups = [draws[i :: self._groups] for i in range(min(self._groups, len(draws)))]
        stage = self.config.stage(self.step)
        learn = partial(self._add_gradient, stage, Totals.of(draws))
        losses: defaultdict[str, float] = defaultdict(float)
        for found in learners.map(learn, groups):
            for name, loss in found.items():
                losses[name] += loss
        if losses:  # else there is nothing to ask for, and pixels are not named
            self._update(sum(losses.values()))
        self.step += 1
        return PretrainStep(self.step, dict(losses))

    def _restart(self) -> None:
        """Go on from the average, which is better, with an optimizer that remembers nothing."""
        self.trained.load_state_dict(self.average.state_dict())
        self.optimizer = self._new_optimizer()

    def _add_gradient(
        self, stage: Stage, totals: Totals, group: Sequence[Drawn[View]]
    ) -> dict[str, float]:
        """Add the gradient of a group of a step's draws; return its part of the losses."""
        losses = self._losses(group, stage, totals)
        if losses:
            torch.stack(list(losses.values())).sum().backward()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _losses(
        self, draws: Sequence[Drawn[View]], stage: Stage, totals: Totals
    ) -> dict[str, Tensor]:
        """Return the part of each loss of a step that is due to some of its draws."""
        network = self.trained.network
        pixels = torch.stack([draw.view.pixels for draw in draws]).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._in_bfloat16):
            features = network.encode_image(pixels)
        features = {name: maps.float() for name, maps in features.items()}
        by_view = {name: torch.split(maps, 1) for name, maps in features.items()}
        placement = placement_of_view((pixels.shape[2], pixels.shape[3]), network)
        parts: dict[str, list[Tensor]] = defaultdict(list)
        for i, (_, objects, corrections) in enumerate(draws):
            if not objects:
                continue
            image = network.prepare({name: maps[i] for name, maps in by_view.items()})
            predict = predicted_masks(
                network, image, placement, self.device, classes_of(objects, network)
            )
            objects = corrected(objects, corrections, predict)
            for name, loss in self._of_objects(image, objects, placement, stage, totals).items():
                parts[name].append(loss)
        losses = {name: torch.stack(found).sum() for name, found in parts.items()}
        if network.pixel_names is not None:
            views = [draw.view for draw in draws]
            named = naming_loss(
                network.pixel_names,
                features["fine"],
                views,
                stage.balance,
                self.config.absent_weight,
            )
            losses["pixels"] = len(draws) / totals.views * self.config.pixel_weight * named
        return losses

    def _of_objects(
        self,
        image: Any,
        objects: Sequence[SimulatedObject],
        placement: Placement,
        stage: Stage,
        totals: Totals,
    ) -> dict[str, Tensor]:
        """Return the part of each loss of a step that is due to the objects of a prepared view."""
        network, prompts = self.trained.network, [each.prompt for each in objects]
        order, (logits, iou, tokens) = decode_view(
            network, image, prompts, placement, self.device, classes_of(objects, network)
        )
        objects = [objects[i] for i in order]
        truth = placement.truth(objects, self.device)
        share = len(objects) / totals.objects
        means = object_losses(logits, iou, truth, mask_loss)
        losses = {name: share * loss for name, loss in means.items()}
        untold = [i for i, each in enumerate(objects) if _is_untold(each)]
        if untold and self.config.object_weight:
            classes = [named for i in untold if (named := objects[i].named) is not None]
            loss = self.trained.names.loss(tokens[untold, 0], classes)
            losses["objects"] = len(untold) / totals.untold * self.config.object_weight * loss
        layers = [i for i, each in enumerate(objects) if _is_layer(each)]
        if layers and stage.topology:
            of_layers = Truth(truth.target[layers], truth.counts[layers])
            topology = topology_loss(self._topology, logits[layers, 0], of_layers)
            if topology is not None:
                losses["topology"] = len(layers) / totals.layers * stage.topology * topology
        return losses

    def _update(self, total: float) -> None:
        """Let the optimizer change the weights, and their average follow."""
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
