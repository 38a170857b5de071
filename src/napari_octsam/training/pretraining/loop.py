"""Training of octsam-tiny from scratch: one loop, told as a generator of events."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.core.errors import UserError
from napari_octsam.models.tiny import TinyNetwork
from napari_octsam.topology.losses import TopologyLoss
from napari_octsam.training.corrections import corrected
from napari_octsam.training.losses import mask_losses, unlabelled_as_background
from napari_octsam.training.pretraining.augment import View, random_view
from napari_octsam.training.pretraining.batches import (
    ObjectBatch,
    Promptable,
    object_batches,
    predicted_masks,
)
from napari_octsam.training.pretraining.naming import ObjectNames, naming_loss
from napari_octsam.training.pretraining.objects import draw_objects
from napari_octsam.training.pretraining.recipe import PretrainConfig, Stage
from napari_octsam.training.pretraining.samples import SampleSource
from napari_octsam.training.simulation import SimulatedObject
from napari_octsam.training.states import restore_state, write_state

__all__ = ["PretrainStep", "Pretraining"]

_LAYERS = "layers7"  # schema whose objects get the topology loss
_MOST_CORRECTIONS = 3
_SAVE_EVERY = 100  # steps


@dataclass(frozen=True, slots=True)
class PretrainStep:
    """A step is done: its number and its losses."""

    step: int
    losses: dict[str, float] = field(default_factory=dict)


class _Draw(NamedTuple):
    """What a step learns from: a view, its objects, and how many corrections they get."""

    view: View
    objects: list[SimulatedObject]
    corrections: int


class Pretraining:
    """The state of a training run; `run` goes on from wherever it stands.

    Parameters
    ----------
    source
        Draws labelled B-scans.
    config
        The numbers.
    make_network
        Makes the network that learns, with random weights.
    device
        Where it computes.

    Attributes
    ----------
    average : torch.nn.ModuleDict
        The moving average of all that is trained: "network" and "names".
    """

    def __init__(
        self,
        source: SampleSource,
        config: PretrainConfig,
        make_network: Callable[[], Promptable] = TinyNetwork,
        device: torch.device | str = "cpu",
    ) -> None:
        torch.manual_seed(config.seed)
        self.source = source
        self.config = config
        self.device = torch.device(device)
        network = make_network()
        parts = {"network": cast(nn.Module, network), "names": ObjectNames(network.embed_dim)}
        self.trained = nn.ModuleDict(parts).to(self.device)
        self.average = copy.deepcopy(self.trained).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.trained.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.topology = TopologyLoss()
        self.step = 0

    @property
    def weights(self) -> dict[str, Tensor]:
        """The averaged weights of the network."""
        return self.average["network"].state_dict()

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
        with ThreadPoolExecutor(1) as ahead:  # the next step is drawn while this one is taken
            drawn = ahead.submit(self._draw, self.step)
            while self.step <= last:
                draws = drawn.result()
                if self.step < last:
                    drawn = ahead.submit(self._draw, self.step + 1)
                yield self._take(draws)

    def run_saving(self, path: Path) -> Iterator[PretrainStep]:
        """Train as `run` does, saving to `path` now and then and after the last step.

        Raises
        ------
        UserError
            As of `run` and `save`.
        """
        for event in self.run():
            if event.step % _SAVE_EVERY == 0 or event.step == self.config.steps:
                self.save(path)
            yield event

    def _draw(self, step: int) -> list[_Draw]:
        """Draw all that is random of a step, from its number."""
        rng = np.random.default_rng((self.config.seed, step))
        stage = self.config.stage(step)
        size = self._network.input_size
        draws = []
        for _ in range(stage.views):
            view = random_view(self.source(rng), size, rng, min(stage.columns, size[1]))
            objects = draw_objects(view.maps, stage.objects, rng)
            corrections = 0
            if rng.random() < stage.corrected:
                corrections = int(rng.integers(1, _MOST_CORRECTIONS + 1))
            draws.append(_Draw(view, objects, corrections))
        return draws

    def _take(self, draws: Sequence[_Draw]) -> PretrainStep:
        losses = self._losses(draws, self.config.stage(self.step))
        if losses:  # else there is nothing to ask for, and pixels are not named
            self._descend(torch.stack(list(losses.values())).sum())
        self.step += 1
        return PretrainStep(
            self.step, {name: float(loss.detach()) for name, loss in losses.items()}
        )

    def _descend(self, total: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self.config.rate(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        if not (total + norm).isfinite():
            raise UserError(
                f"The loss is no number any more, at step {self.step + 1}: delete the "
                "state that was saved, and begin again with another seed."
            )
        self.optimizer.step()
        self._update_average()

    def _losses(self, draws: Sequence[_Draw], stage: Stage) -> dict[str, Tensor]:
        network = self._network
        pixels = torch.stack([draw.view.pixels for draw in draws]).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            features = network.encode_image(pixels)
        features = {name: maps.float() for name, maps in features.items()}
        by_view = {name: torch.split(maps, 1) for name, maps in features.items()}
        size = (pixels.shape[2], pixels.shape[3])
        parts: dict[str, list[tuple[int, Tensor]]] = defaultdict(list)
        for i, draw in enumerate(draws):
            if not draw.objects:
                continue
            image = network.prepare({name: maps[i] for name, maps in by_view.items()})
            objects = draw.objects
            if draw.corrections:
                predict = predicted_masks(network, image, size, self.device)
                objects = corrected(objects, draw.corrections, predict)
            for batch in object_batches(objects, network, self.device):
                for name, counted in self._object_losses(image, batch, stage).items():
                    parts[name].append(counted)
        losses = {name: _mean(found) for name, found in parts.items()}
        if isinstance(network, TinyNetwork):
            views = [draw.view for draw in draws]
            named = naming_loss(network.mask_decoder.pixel_names, features["fine"], views)
            losses["pixels"] = self.config.pixel_weight * named
        return losses

    def _object_losses(
        self, image: Any, batch: ObjectBatch, stage: Stage
    ) -> dict[str, tuple[int, Tensor]]:
        """Return each loss of a batch, and how many objects it is a mean of."""
        network, asked = self._network, batch.prompts
        prompts = network.encode_prompts(asked.points, asked.boxes, asked.masks)
        logits, iou, tokens = network.decode_with_tokens(image, prompts)
        found = mask_losses(logits, iou, batch.target, batch.counts)
        losses = {name: (len(logits), loss) for name, loss in found._asdict().items()}
        named = {i: name for i, name in enumerate(batch.named) if name is not None}
        if named and self.config.object_weight:
            names = cast(ObjectNames, self.trained["names"])
            loss = names.loss(tokens[list(named), 0], list(named.values()))
            losses["objects"] = len(named), self.config.object_weight * loss
        layers = [i for i, (schema, _) in named.items() if schema == _LAYERS]
        if layers and stage.topology and bool(logits.isfinite().all()):
            mask, target = unlabelled_as_background(
                logits[layers, 0], batch.target[layers], batch.counts[layers]
            )
            loss = self.topology(mask[None], target[None])
            losses["topology"] = len(layers), stage.topology * loss
        return losses

    def _update_average(self) -> None:
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), self.trained.state_dict().values(), strict=True
            ):
                mean.lerp_(now, 1 - decay)

    @property
    def _network(self) -> Promptable:
        return cast(Promptable, self.trained["network"])

    def save(self, path: Path) -> None:
        """Write all that `restore` needs; where that fails, the last state stays as it was.

        Raises
        ------
        UserError
            The file cannot be written.
        """
        state = {
            "recipe": self.config.model_dump(mode="json"),
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
        self.trained.load_state_dict(state["trained"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


def _mean(weighted: list[tuple[int, Tensor]]) -> Tensor:
    total = sum(count for count, _ in weighted)
    return torch.stack([loss * (count / total) for count, loss in weighted]).sum()
