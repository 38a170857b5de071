"""A run that is followed to its end, and ended by Ctrl+C or SIGTERM with its state saved."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import typer

from napari_octsam.cli.console import note, phases_bar
from napari_octsam.cli.interrupt import asked_to_stop
from napari_octsam.cli.reports import print_report

if TYPE_CHECKING:
    from napari_octsam.training.distributed import Workers
    from napari_octsam.training.events import EpochDone
    from napari_octsam.training.loop import FineTuning
    from napari_octsam.training.run.prepare import Prepared

__all__ = ["assist", "follow", "report"]

_ALONE = "Stopping and saving; press Ctrl+C again to stop at once."
_TOGETHER = "Stopping after this step."  # torchrun keeps a second press to itself


def follow(prepared: Prepared, workers: Workers) -> None:
    """Run to the end with a bar, a line for each epoch, and all that the run's folder is to have.

    Raises
    ------
    KeyboardInterrupt
        It was stopped; its state is saved.
    """
    from napari_octsam.training.events import (
        Encoded,
        EpochDone,
        Finished,
        Mixed,
        Planned,
        StepDone,
        Told,
        Validated,
    )
    from napari_octsam.training.run.loggers import chosen_loggers, logged
    from napari_octsam.training.run.recording import recorded, save_progress
    from napari_octsam.training.verdict import mixing_note, verdict

    run, folder = prepared.run, prepared.folder
    loggers = chosen_loggers(run.config, folder, prepared.schema)
    told = logged(recorded(run, folder, prepared.schema), loggers, note)
    total = run.length.total if run.length is not None else 0
    sentence = _ALONE if workers.size == 1 else _TOGETHER
    with (
        phases_bar("Training") as show,
        asked_to_stop(lambda: note(sentence)) as asked,
        closing(told) as events,
    ):
        for event in events:
            if workers.any_wants(asked()):
                workers.from_first(lambda: save_progress(run, folder, prepared.schema))
                raise KeyboardInterrupt
            match event:
                case Encoded(done, images):
                    show("Encoding", done, images)
                case Planned(epochs, each):
                    total = epochs * each
                case StepDone():
                    parts = "  ".join(f"{name} {loss:.3f}" for name, loss in event.losses.items())
                    done = (event.epoch - 1) * event.steps + event.step
                    show("Training", done, total, parts)
                case EpochDone():
                    better = ", the best so far" if event.best else ""
                    when = f"Epoch {event.epoch}" if event.epoch else "Before the training"
                    note(f"{when}: score {event.score:.3f}{_unasked(event)}{better}")
                case Validated(done, bscans):
                    steps = run.epoch * run.steps + run.step
                    show("Training", steps, total, f"validating {done} of {bscans}")
                case Mixed():
                    note(mixing_note(event))
                case Told(sentence):
                    note(sentence)
                case Finished(reason, best):
                    if reason == "no more gain":
                        note(f"No gain since epoch {best}: stopped.")
                    note(verdict(run.first_score, run.best_score))


def _unasked(epoch: EpochDone) -> str:
    """Return how good the labels of a model are that names pixels unasked."""
    if not epoch.automatic:
        return ""
    dices = [each.dice for each in epoch.automatic.values()]
    return f", labels unasked {sum(dices) / len(dices):.3f}"


def assist(run: FineTuning, workers: Workers) -> None:
    """Take this process's share of a run that the first process tells of and writes."""
    with asked_to_stop(lambda: None) as asked:
        for _ in run.run():
            if workers.any_wants(asked()):
                workers.wait()  # until the state is saved: torchrun ends them all once one has gone
                raise typer.Exit(130)


def report(prepared: Prepared) -> None:
    """Judge the best model, free the disk of what only training needs, and print how good it is."""
    from napari_octsam.training.run.report import report_best

    with phases_bar("Scoring the best model") as show:
        final = report_best(prepared, show)
    prepared.folder.discard_embeddings()
    if final is not None:
        print_report(final.report, f"The best model on the {final.part} part, one box a class")
