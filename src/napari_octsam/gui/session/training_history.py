"""What one training has told, from its start to its end, and what it has come to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from napari_octsam.engine.train.messages import Begun
from napari_octsam.gui.session.trained_models import best_model
from napari_octsam.training.events import EpochDone, Mixed, Samples, StepDone

__all__ = ["TrainingHistory"]


@dataclass(slots=True)
class TrainingHistory:
    """Empty at first; filled as the training goes.

    Parameters
    ----------
    begun
        Once all is ready.
    steps, epochs
        That are done; of a run that is gone on with, the epochs of before, too.
    samples
        The latest.
    mixed
        How far the best weights went, where that was chosen.
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
    mixed: Mixed | None = None
    finished: bool = False
    complete: bool = False
    problem: str = ""
    problems: tuple[str, ...] = ()
    best: Path | None = None
    report: Path | None = None

    def begin(self, begun: Begun, before: TrainingHistory) -> None:
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

    def plan(self, epochs: int, steps: int) -> None:
        """Take how long the run is, once that is known."""
        if self.begun is not None:
            self.begun = replace(self.begun, epochs=epochs, steps=steps)

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

    @property
    def first_score(self) -> float | None:
        """The score before it learnt; None where nothing was held back."""
        return next((epoch.score for epoch in self.epochs if epoch.epoch == 0), None)

    @property
    def best_score(self) -> float:
        """The score of the best model, or minus infinity where no epoch is done."""
        if self.mixed is not None and self.mixed.score is not None:
            return self.mixed.score
        return max((epoch.score for epoch in self.epochs if epoch.epoch), default=-inf)

    @property
    def outcome(self) -> str:
        """How a training has ended that met no problem, in a sentence or two."""
        if self.begun is None:
            return "Stopped before it began: nothing has changed."
        if not self.complete and self.best is None:
            return "Stopped before the first epoch was done. Continue goes on from here."
        before = next((epoch for epoch in self.epochs if epoch.epoch == 0), None)
        learned = [epoch for epoch in self.epochs if epoch.epoch > 0]
        best = max(learned, key=lambda epoch: epoch.score, default=None)
        if best is None:
            return ""
        best = replace(best, score=self.best_score)
        first = "The training is done" if self.complete else "Stopped; Continue goes on from here"
        return f"{first}. {_found(best, before)}"


def _found(best: EpochDone, before: EpochDone | None) -> str:
    if not best.classes:
        return f"Epoch {best.epoch} has the lowest loss; no B-scan was left to validate on."
    text = f"The best model is that of epoch {best.epoch}: mean Dice {best.score:.3f}"
    if before is None:
        return f"{text}."
    text = f"{text}, before the training {before.score:.3f}."
    if best.score <= before.score:
        text += " It is no better than the model that it began with."
    return text
