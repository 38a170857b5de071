"""What is tried: one trial is one fine-tuning run."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_octsam.core.config import TrainConfig

__all__ = [
    "COUNTS",
    "LOSSES",
    "STARTS",
    "WEIGHTS",
    "Loss",
    "Start",
    "Trial",
    "study_trials",
    "tuning_trials",
]

Loss = Literal["none", "octsam", "spatial"]
"""The segmentation loss alone, with the original project's topology loss, with ours."""

Start = Literal["octsam-tiny", "fresh decoder"]
"""The bundled weights, or those with a mask decoder of random weights."""

STARTS: tuple[Start, ...] = ("octsam-tiny", "fresh decoder")
LOSSES: tuple[Loss, ...] = ("none", "octsam", "spatial")
COUNTS = (1, 5, 20)
WEIGHTS: dict[Loss, float] = {"none": 0.0, "octsam": 0.1, "spatial": 0.1}

_SEEDS = (1, 2, 3)
_TUNING_SEED, _TUNING_COUNT = 100, 5
_TUNING_WEIGHTS: dict[Loss, tuple[float, ...]] = {"octsam": (0.1, 0.3), "spatial": (0.03, 0.1, 0.3)}
_PASSES, _WARM_UP = 120, 20
_RATES: dict[Start, float] = {"octsam-tiny": 1e-4, "fresh decoder": 1e-3}


class Trial(BaseModel):
    """One run.

    Parameters
    ----------
    start
        Weights to begin with.
    bscans
        Labelled B-scans to learn from; 0: none, as the model was before.
    loss, weight
        Topology loss and its weight.
    seed
        Chooses the B-scans, their order, the prompts, and the random weights.
    passes
        B-scans seen, each as often as another.
    warm_up
        Of these, seen before the topology loss begins.
    rate
        Highest learning rate.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Start
    bscans: int
    loss: Loss = "none"
    weight: float = 0.0
    seed: int = 0
    passes: int = 0
    warm_up: int = 0
    rate: float = 0.0

    def config(self) -> TrainConfig:
        """Return the settings of the run; what is not said here is as users have it."""
        return TrainConfig(
            adapts="decoder",
            epochs=self.passes // self.bscans,
            batch_size=1,
            lr=self.rate,
            topology=self.loss,
            topology_weight=self.weight,
            topology_warmup_epochs=self.warm_up // self.bscans,
            seed=self.seed,
        )


def study_trials(start: Start) -> list[Trial]:
    """Return the trials of the study, seed by seed, so that a part of it says something too."""
    runs = [
        _trial(start, count, loss, WEIGHTS[loss], seed)
        for seed in _SEEDS
        for count in COUNTS
        for loss in LOSSES
    ]
    return [Trial(start=start, bscans=0), *runs] if start == "octsam-tiny" else runs


def tuning_trials() -> list[Trial]:
    """Return the trials by which the weights were chosen."""
    tried = [(loss, weight) for loss, weights in _TUNING_WEIGHTS.items() for weight in weights]
    return [
        _trial("fresh decoder", _TUNING_COUNT, loss, weight, _TUNING_SEED)
        for loss, weight in (("none", 0.0), *tried)
    ]


def _trial(start: Start, count: int, loss: Loss, weight: float, seed: int) -> Trial:
    return Trial(
        start=start,
        bscans=count,
        loss=loss,
        weight=weight,
        seed=seed,
        passes=_PASSES,
        warm_up=_WARM_UP,
        rate=_RATES[start],
    )
