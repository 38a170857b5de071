"""What one training has told, from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from napari_octsam.engine.train.messages import Begun
from napari_octsam.gui.learning.trained_models import best_model
from napari_octsam.training.events import EpochDone, Samples, StepDone

__all__ = ["Run"]


@dataclass(slots=True)
class Run:
    """Empty at first; filled as the training goes.

    Parameters
    ----------
    begun
        Once all is ready.
    steps, epochs
        That are done; of a run that is gone on with, the epochs of before, too.
    samples
        The latest.
    finished
        Whether all is learnt, and only the report is still made.
    complete
        Whether it came to its own end.
    problem
        Why it could not begin or go on; "" where nothing was wrong.
    problems
        What was wrong with the data.
    best
        The best model, once the training is over.
    report
        The page that judges it.
    """

    begun: Begun | None = None
    steps: list[StepDone] = field(default_factory=list)
    epochs: list[EpochDone] = field(default_factory=list)
    samples: Samples | None = None
    finished: bool = False
    complete: bool = False
    problem: str = ""
    problems: tuple[str, ...] = ()
    best: Path | None = None
    report: Path | None = None

    def begin(self, begun: Begun, before: Run) -> None:
        """Take what is known at the beginning.

        Parameters
        ----------
        before
            What was told of the training before, which is this one if it is gone on with.
        """
        self.begun = begun
        self.epochs = list(begun.past)
        if before.is_in(begun.folder):
            self.steps, self.samples = before.steps, before.samples

    def is_in(self, folder: str) -> bool:
        """Return whether the run has begun, and this is its folder."""
        return self.begun is not None and self.begun.folder == folder

    def add_step(self, step: StepDone) -> None:
        """Go on with a step; one that a crash undid gives way."""
        place = (step.epoch, step.step)
        while self.steps and (self.steps[-1].epoch, self.steps[-1].step) >= place:
            self.steps.pop()
        self.steps.append(step)

    @property
    def kept(self) -> Path | None:
        """The best model so far, of a run that broke off."""
        return best_model(Path(self.begun.folder)) if self.begun is not None else None

    @property
    def progress(self) -> tuple[int, int]:
        """Steps done and in all; 0 in all before it has begun."""
        if self.begun is None:
            return 0, 0
        total = self.begun.epochs * self.begun.steps
        if not self.steps:
            return 0, total
        last = self.steps[-1]
        return (last.epoch - 1) * self.begun.steps + last.step, total
