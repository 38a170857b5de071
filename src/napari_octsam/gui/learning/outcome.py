"""What a training has come to, in a sentence or two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octsam.gui.learning.progress import Run

if TYPE_CHECKING:
    from napari_octsam.training.events import EpochDone

__all__ = ["outcome"]


def outcome(run: Run) -> str:
    """Return how a run has ended that met no problem."""
    if run.begun is None:
        return "Stopped before it began: nothing has changed."
    if not run.complete and run.best is None:
        return "Stopped before the first epoch was done. Continue goes on from here."
    before = next((epoch for epoch in run.epochs if epoch.epoch == 0), None)
    learned = [epoch for epoch in run.epochs if epoch.epoch > 0]
    best = max(learned, key=lambda epoch: epoch.score, default=None)
    if best is None:
        return ""
    first = "The training is done" if run.complete else "Stopped; Continue goes on from here"
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
