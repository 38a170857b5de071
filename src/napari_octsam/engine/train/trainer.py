"""The process that trains: one run, from its data to its best model, steered by napari.

A pause or a stop is seen at the run's next event; a step has several. When napari is gone, the run
stops as if it had been told to: its folder has all that is needed to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.engine.child import final_word, listen, open_channel, tell
from napari_octsam.engine.train.messages import (
    Begun,
    Ended,
    Happened,
    PausedNow,
    Preparing,
    Refused,
    StartTraining,
    TrainerEvent,
    Wish,
)
from napari_octsam.engine.train.steering import Steering
from napari_octsam.engine.wire import Call, Progressed, Steer

if TYPE_CHECKING:
    from napari_octsam.training.run.prepare import Prepared

__all__ = ["main", "train"]

Show = Callable[[TrainerEvent], None]


def main() -> None:
    """Train what the first call says, and end."""
    channel = open_channel()
    try:
        call: Call[StartTraining] = channel.receive()
    except EOFError:
        return
    steering = Steering()
    listen(channel, partial(_take, steering), gone=lambda: steering.obey("stop"))

    def show(event: TrainerEvent) -> None:
        tell(channel, Progressed(call.id, event))

    show(Preparing("Starting the training"))
    work = partial(train, call.request, steering, show)
    tell(channel, final_word(call, work, failed=lambda: "The training failed"))


def _take(steering: Steering, message: Steer[Wish]) -> None:
    steering.obey(message.wish)


def train(start: StartTraining, steering: Steering, show: Show) -> Ended | Refused:
    """Prepare and train; return how it ended.

    Raises
    ------
    UserError
        It cannot train, or not any further.
    """
    from napari_octsam.training.data import PreflightFailed
    from napari_octsam.training.run.folder import RunFolder
    from napari_octsam.training.run.prepare import prepare  # imports torch

    try:
        resume = RunFolder(Path(start.resume)) if start.resume else None
        config = resume.config() if resume else start.config
        # Nothing is there before the first step that could be lost.
        prepared = prepare(config, resume, _until_stopped(steering, show))
    except _EnoughError:
        return Ended(complete=False, best="")
    except PreflightFailed as error:
        problems = tuple(problem.text for problem in error.problems)
        return Refused("The data cannot be trained on as it is.", problems)
    return _run(prepared, steering, show)


def _run(prepared: Prepared, steering: Steering, show: Show) -> Ended:
    from napari_octsam.training.events import Told
    from napari_octsam.training.run.loggers import chosen_loggers, logged
    from napari_octsam.training.run.recording import recorded, save_progress

    run, folder = prepared.run, prepared.folder
    loggers = chosen_loggers(run.config, folder, prepared.schema)
    show(_begun(prepared))
    told = logged(
        recorded(run, folder, prepared.schema),
        loggers,
        say=lambda sentence: show(Happened(Told(sentence))),
    )
    with closing(told) as events:
        for event in events:
            show(Happened(event))
            if steering.paused:
                save_progress(run, folder, prepared.schema)
                show(PausedNow())
                steering.wait()
            if steering.stopped:
                save_progress(run, folder, prepared.schema)
                return Ended(complete=False, best=_path_of(folder.best))
    _report(prepared, steering, show)
    folder.discard_embeddings()
    return Ended(complete=True, best=_path_of(folder.best), report=_path_of(folder.report))


def _begun(prepared: Prepared) -> Begun:
    run, folder = prepared.run, prepared.folder
    return Begun(
        str(folder.path),
        prepared.plan,
        prepared.warnings,
        prepared.schema,
        0 if run.length is None else run.length.epochs,
        run.steps,
        tuple(done for done in folder.read_metrics() if done.epoch <= run.epoch),
    )


def _report(prepared: Prepared, steering: Steering, show: Show) -> None:
    """Judge the best model, unless the person has seen enough."""
    from napari_octsam.training.run.report import report_best

    with suppress(_EnoughError):
        report_best(prepared, _until_stopped(steering, show))


def _until_stopped(steering: Steering, show: Show) -> Callable[[str, int, int], None]:
    """Return what shows the progress before and after the training, and leaves it at a stop."""

    def report(what: str, done: int, total: int) -> None:
        if steering.stopped:
            raise _EnoughError
        show(Preparing(what, done, total))

    return report


class _EnoughError(Exception):
    """The person has pressed Stop before the first step, or while the report is made."""


def _path_of(file: Path) -> str:
    return str(file) if file.exists() else ""


if __name__ == "__main__":
    main()
