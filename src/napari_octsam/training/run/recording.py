"""What a run leaves in its folder as it goes: as often as the writing is worth its time."""

from __future__ import annotations

import time
from collections.abc import Iterator

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.errors import UserError
from napari_octsam.training.events import EpochDone, Event, Finished, StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run.folder import RunFolder

__all__ = ["SAVE_EVERY", "recorded", "save_progress"]

SAVE_EVERY = 60.0
"""Seconds from one state to the next, where no epoch ends."""

_MOST_SHARE = 0.05  # of the time that writing may take
_CHEAP = 0.2  # seconds that nobody misses at the end of an epoch


class _Pace:
    """When it is time to write, by what the last time took."""

    def __init__(self, save_every: float) -> None:
        self._save_every = save_every
        self._took = 0.0
        self._last = time.monotonic()

    def is_due(self, event: Event) -> bool:
        since = time.monotonic() - self._last
        is_worth_it = self._took <= _MOST_SHARE * since
        match event:
            case StepDone():
                return since >= self._save_every and is_worth_it
            case EpochDone():
                return is_worth_it or self._took < _CHEAP
            case _:
                return isinstance(event, Finished)

    def save(self, run: FineTuning, folder: RunFolder, schema: LabelSchema) -> None:
        begun = time.monotonic()
        save_progress(run, folder, schema)
        self._last = time.monotonic()
        self._took = self._last - begun


def recorded(
    run: FineTuning, folder: RunFolder, schema: LabelSchema, *, save_every: float = SAVE_EVERY
) -> Iterator[Event]:
    """Run, and write to the folder as it goes; a crash loses what came since the last writing.

    A best model that somebody deleted is written again. Whoever stops the run calls
    `save_progress`.

    Parameters
    ----------
    save_every
        Least seconds from one state to the next, where no epoch ends. Both come less often where
        writing takes long.
    """
    epochs = folder.read_metrics()
    pace = _Pace(save_every)
    _renew_best(run, folder, schema)
    for event in _kept(run, folder, schema):
        if isinstance(event, EpochDone):
            epochs = [done for done in epochs if done.epoch < event.epoch] + [event]
            folder.save_metrics(epochs)
        if pace.is_due(event):
            pace.save(run, folder, schema)
        yield event


def save_progress(run: FineTuning, folder: RunFolder, schema: LabelSchema) -> None:
    """Write all that a run has come to, so that it can go on from there.

    Raises
    ------
    UserError
        A file cannot be written: no right, a full disk.
    """
    _renew_best(run, folder, schema)
    folder.save_state(run)


def _renew_best(run: FineTuning, folder: RunFolder, schema: LabelSchema) -> None:
    """Write the best model, where the file is not the run's."""
    if run.best_epoch and not folder.has_best_of(run):
        folder.save_best(run, schema, folder.read_metrics())


def _kept(run: FineTuning, folder: RunFolder, schema: LabelSchema) -> Iterator[Event]:
    """Tell what the run tells; where it cannot go on, keep what it has come to."""
    try:
        yield from run.run()
    except UserError as error:
        if run.is_finite:
            save_progress(run, folder, schema)
        best = (
            f"The best weights so far, of epoch {run.best_epoch}, are kept as {folder.best}."
            if run.best_epoch
            else "There is no best model yet."
        )
        raise UserError(f"{error} {best}") from error
