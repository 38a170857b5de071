"""What a fine-tuning run tells while it goes: small and frozen; nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "ClassMetrics",
    "Encoded",
    "EpochDone",
    "Event",
    "Finished",
    "Mixed",
    "Planned",
    "Sample",
    "Samples",
    "StepDone",
    "StepPart",
    "Told",
    "Validated",
]


@dataclass(frozen=True, slots=True)
class Encoded:
    """So many of the views that are trained on have their embedding."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Planned:
    """How long the run is, now that it is known: so many epochs of so many steps."""

    epochs: int
    steps: int


@dataclass(frozen=True, slots=True)
class StepPart:
    """So many of a step's objects have their gradient; a step that is left here is drawn again."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is done.

    Parameters
    ----------
    epoch, step
        Counted from 1; the step within the epoch.
    steps
        In each epoch.
    rate
        Learning rate of the step.
    losses
        Parts of the loss, weighted as they are summed.
    """

    epoch: int
    step: int
    steps: int
    rate: float
    losses: dict[str, float]


@dataclass(frozen=True, slots=True)
class Validated:
    """So many of the validation B-scans have been looked at after an epoch."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """How well one class is found: means over the validation B-scans that show it.

    Parameters
    ----------
    dice
        0 to 1.
    betti_error
        Surplus and missing components and holes.
    boundary_error
        Mean distance of top and bottom rows, in pixels; None where no A-scan shows both masks.
    """

    dice: float
    betti_error: float
    boundary_error: float | None = None


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch is done and validated; epoch 0 is the model before it learns.

    Parameters
    ----------
    losses
        Means over the epoch's steps.
    classes
        By label value, asked for with one box; empty where there is nothing to validate on.
    automatic
        By label value, of what a model names unasked, pixel by pixel; empty where it does not.
    score
        Mean Dice of the classes, of `classes` and `automatic` alike, or the negative loss without
        its topology part where there are none.
    best
        Whether no earlier epoch had a higher score.
    validation
        Parts of the loss on the validation B-scans, with the same prompts each time: means over
        them; empty where there are none.
    """

    epoch: int
    losses: dict[str, float]
    classes: dict[int, ClassMetrics] = field(default_factory=dict)
    score: float = 0.0
    best: bool = False
    automatic: dict[int, ClassMetrics] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What the model makes of one B-scan.

    Its labels unasked, where it names pixels; else one box is given for each class that is there.

    Parameters
    ----------
    name
        Of the B-scan.
    image
        (H, W) uint8 grey.
    predicted, truth
        (H, W) uint8 label values.
    part
        Of the split that it is in.
    """

    name: str
    image: npt.NDArray[np.uint8]
    predicted: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.uint8]
    part: Literal["training", "validation"] = "validation"


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The display samples after an epoch, always the same B-scans, those of validation first."""

    epoch: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Mixed:
    """The best weights are now on the way from those of before to what was learnt.

    Parameters
    ----------
    share
        How far: 1 is all that was learnt.
    score
        As of an epoch; None where there is nothing to validate on.
    remembered
        How well it still names the layers of phantoms: mean Dice; None where it does not.
    """

    share: float
    score: float | None
    remembered: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence for the person: something has changed that they did not ask for."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over."""

    reason: Literal["all epochs", "no more gain"]
    best_epoch: int


Event = (
    Encoded
    | Planned
    | StepPart
    | StepDone
    | Validated
    | EpochDone
    | Samples
    | Mixed
    | Told
    | Finished
)
