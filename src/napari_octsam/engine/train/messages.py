"""What crosses between napari's process and one that trains, beside the events of the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.training.events import EpochDone, Event

__all__ = [
    "Begun",
    "Died",
    "Ended",
    "Happened",
    "PausedNow",
    "Preparing",
    "Refused",
    "StartTraining",
    "TrainerEvent",
    "TrainerMessage",
    "Wish",
]


@dataclass(frozen=True, slots=True)
class StartTraining:
    """To the trainer, once, at first: what to train, or which run to go on with.

    Parameters
    ----------
    config
        All settings; not used where a run is gone on with.
    resume
        Folder of a run, or "".
    copied
        Whether the data was written for this training alone: it goes where that does not begin.
    """

    config: TrainConfig
    resume: str = ""
    copied: bool = False


Wish = Literal["pause", "go on", "stop"]
"""To the trainer: what to do from now on."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """From the trainer: what it does before and after the training; `total` 0 where not known."""

    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Begun:
    """From the trainer: all is ready.

    Parameters
    ----------
    folder
        Of the run.
    plan
        What is trained on, as a sentence.
    warnings
        What is worth knowing of the data.
    schema
        Classes that are learnt.
    epochs, steps
        Of the whole run, and in each epoch; 0 where `Planned` will tell.
    past
        Epochs that were done before the run was gone on with.
    """

    folder: str
    plan: str
    warnings: tuple[str, ...]
    schema: LabelSchema
    epochs: int
    steps: int
    past: tuple[EpochDone, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Happened:
    """From the trainer: an event of the training."""

    event: Event


@dataclass(frozen=True, slots=True)
class PausedNow:
    """From the trainer: it waits to be told to go on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """From the trainer, last: all is saved.

    Parameters
    ----------
    complete
        Whether the training came to its own end; else it was stopped, and can go on.
    best
        Path of the best model, or "" where no epoch was done.
    report
        Path of the page that judges it, or "".
    """

    complete: bool
    best: str
    report: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """From the trainer, last: it cannot train, or not any further.

    Parameters
    ----------
    sentence
        What is wrong and what to do.
    problems
        What is wrong with the data, one sentence each.
    """

    sentence: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Died:
    """Of the trainer, last: its process ended without a word; the sentence says how."""

    sentence: str


TrainerEvent = Preparing | Begun | Happened | PausedNow
"""What a trainer tells while it works."""

TrainerMessage = TrainerEvent | Ended | Refused | Died
"""What is heard of a training; one of the last three is its last."""
