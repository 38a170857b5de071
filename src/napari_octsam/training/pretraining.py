"""Training of octsam-tiny from scratch: one loop, told as a generator of events."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_octsam.core.errors import UserError
from napari_octsam.models.tiny import TinyConfig, TinyNetwork
from napari_octsam.training.augment import View, random_view
from napari_octsam.training.batches import object_batches
from napari_octsam.training.class_heads import ClassHeads
from napari_octsam.training.losses import mask_losses
from napari_octsam.training.samples import SampleSource
from napari_octsam.training.simulation import draw_objects
from napari_octsam.training.states import restore_state, write_state

__all__ = ["PretrainConfig", "PretrainStep", "Pretraining"]


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """How long and how fast.

    The learning rate warms up, stays, and falls linearly to zero over the last `decay_steps`;
    the weights kept are an exponential moving average.
    """

    steps: int = 3000
    warmup_steps: int = 100
    decay_steps: int = 1000
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    views: int = 2
    objects: int = 6
    average_decay: float = 0.998
    pixel_weight: float = 1.0
    object_weight: float = 0.5
    seed: int = 0

    def rate(self, step: int) -> float:
        """Return the share of the learning rate at a step."""
        warm = (step + 1) / self.warmup_steps
        left = (self.steps - step) / max(self.decay_steps, 1)
        return max(min(warm, left, 1.0), 0.0)


@dataclass(frozen=True, slots=True)
class PretrainStep:
    """A step is done: its number and its losses."""

    step: int
    losses: dict[str, float] = field(default_factory=dict)


class Pretraining:
    """The state of a training run; `run` goes on from wherever it stands."""

    def __init__(
        self,
        source: SampleSource,
        config: PretrainConfig,
        sizes: TinyConfig | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        torch.manual_seed(config.seed)
        self.source = source
        self.config = config
        self.device = torch.device(device)
        network = TinyNetwork(sizes)
        dim = network.config.embed_dim
        heads = ClassHeads(dim // 4, dim)
        self.trained = nn.ModuleDict({"network": network, "heads": heads}).to(self.device)
        self.trained.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(network).requires_grad_(False).to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.trained.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.step = 0

    def run(self) -> Iterator[PretrainStep]:
        """Train to the last step, telling each.

        Raises
        ------
        UserError
            The loss or the gradient is no number.
        """
        while self.step < self.config.steps:
            rng = np.random.default_rng((self.config.seed, self.step))
            views = [self._draw_view(rng) for _ in range(self.config.views)]
            losses = self._losses(views, rng)
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * self.config.rate(self.step)
            total = torch.stack(list(losses.values())).sum()
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
            self.step += 1
            yield PretrainStep(
                self.step, {name: float(loss.detach()) for name, loss in losses.items()}
            )

    def _draw_view(self, rng: np.random.Generator) -> View:
        network: Any = self.trained["network"]
        return random_view(self.source(rng), network.input_size, rng)

    def _losses(self, views: Sequence[View], rng: np.random.Generator) -> dict[str, Tensor]:
        network: Any = self.trained["network"]
        pixels = torch.stack([view.pixels for view in views]).to(self.device)
        heads: Any = self.trained["heads"]
        features = network.encode_image(pixels)
        parts: dict[str, list[tuple[int, Tensor]]] = defaultdict(list)
        for i, view in enumerate(views):
            own = {name: maps[i : i + 1] for name, maps in features.items()}
            objects = draw_objects(view.maps, self.config.objects, rng)
            for batch in object_batches(
                objects, network.mask_size, network.mask_input_size, self.device
            ):
                prompts = network.encode_prompts(
                    batch.prompts.points, batch.prompts.boxes, batch.prompts.masks
                )
                logits, iou, tokens = network.decode_with_tokens(own, prompts)
                found = mask_losses(logits, iou, batch.target, batch.counts)
                objects_loss = heads.object_loss(tokens[:, 0], batch.named)
                for name, loss in {**found._asdict(), "objects": objects_loss}.items():
                    parts[name].append((len(batch.target), loss))
        losses = {name: _mean(found) for name, found in parts.items()}
        if "objects" in losses:
            losses["objects"] = self.config.object_weight * losses["objects"]
        pixel_loss = heads.pixel_loss(features["stride2"], views)
        losses["pixels"] = self.config.pixel_weight * pixel_loss
        return losses

    def _update_average(self) -> None:
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        network = self.trained["network"]
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), network.state_dict().values(), strict=True
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
            It is damaged, or no such state.
        """
        restore_state(path, self._take_over, self.device)

    def _take_over(self, state: dict[str, Any]) -> None:
        self.trained.load_state_dict(state["trained"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


def _mean(weighted: list[tuple[int, Tensor]]) -> Tensor:
    total = sum(count for count, _ in weighted)
    return torch.stack([loss * (count / total) for count, loss in weighted]).sum()
