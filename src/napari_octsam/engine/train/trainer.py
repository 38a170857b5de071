"""The process that trains: one run, from its data to its best model, steered by napari.

The main thread trains. A second thread receives, so that a pause or a stop is seen at the run's
next event; a step has several. When napari is gone, the run stops as if it had been told to: its
folder has all that is needed to go on.
"""

from __future__ import annotations

import logging
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.engine.child import cap_log, settle_in
from napari_octsam.engine.train.messages import (
    Begun,
    Ended,
    Happened,
    PausedNow,
    Preparing,
    Refused,
    StartTraining,
    Steer,
    TrainerMessage,
)
from napari_octsam.engine.train.steering import Steering
from napari_octsam.engine.wire import Channel

if TYPE_CHECKING:
    from napari_octsam.training.run.prepare import Prepared

__all__ = ["main"]

_log = logging.getLogger("napari_octsam.trainer")


def main() -> None:
    """Train what the first message says, and end."""
    channel = settle_in()
    steering = Steering()
    try:
        start = channel.receive()
    except EOFError:
        return
    threading.Thread(target=_receive, args=(channel, steering), daemon=True).start()
    teller = _Teller(channel, steering)
    teller.tell(Preparing("Starting the training"))
    teller.tell(_outcome(start, steering, teller))


class _Teller:
    """Tells napari; where that is gone, the training stops."""

    def __init__(self, channel: Channel, steering: Steering) -> None:
        self._channel = channel
        self._steering = steering

    def tell(self, message: TrainerMessage) -> None:
        cap_log()
        try:
            self._channel.send(message)
        except OSError:
            self._steering.obey("stop")


def _outcome(start: StartTraining, steering: Steering, teller: _Teller) -> Ended | Refused:
    """Prepare and train; return how it ended."""
    from napari_octsam.training.run.folder import RunFolder
    from napari_octsam.training.run.prepare import PreflightFailed, prepare  # imports torch

    def show(what: str, done: int, total: int) -> None:
        if steering.stopped:
            raise _EnoughError  # nothing is there yet that could be lost
        teller.tell(Preparing(what, done, total))

    try:
        resume = RunFolder(Path(start.resume)) if start.resume else None
        config = resume.config() if resume else start.config
        return _train(prepare(config, resume, show), steering, teller)
    except _EnoughError:
        return Ended(complete=False, best="")
    except PreflightFailed as error:
        problems = tuple(problem.text for problem in error.problems)
        return Refused("The data cannot be trained on as it is.", problems)
    except UserError as error:
        return Refused(str(error))
    except Exception as error:
        _log.exception("training %s", start)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return Refused(f"The training failed: {reason}.", fault=True)


def _train(prepared: Prepared, steering: Steering, teller: _Teller) -> Ended:
    from napari_octsam.training.run.loggers import chosen_loggers, logged
    from napari_octsam.training.run.recording import recorded, settle

    run, folder = prepared.run, prepared.folder
    loggers = chosen_loggers(run.config, folder, prepared.schema)
    teller.tell(_begun(prepared))
    with closing(logged(recorded(run, folder, prepared.schema), loggers)) as events:
        for event in events:
            teller.tell(Happened(event))
            if steering.paused:
                settle(run, folder, prepared.schema)
                teller.tell(PausedNow())
                steering.wait()
            if steering.stopped:
                settle(run, folder, prepared.schema)
                return Ended(complete=False, best=_path_of(folder.best))
    _report(prepared, steering, teller)
    folder.discard_embeddings()
    return Ended(complete=True, best=_path_of(folder.best), report=_path_of(folder.report))


def _begun(prepared: Prepared) -> Begun:
    run, folder = prepared.run, prepared.folder
    return Begun(
        str(folder.path),
        prepared.plan,
        prepared.warnings,
        prepared.schema,
        run.config.epochs,
        run.steps,
        tuple(done for done in folder.read_metrics() if done.epoch <= run.epoch),
    )


def _report(prepared: Prepared, steering: Steering, teller: _Teller) -> None:
    """Judge the best model, unless the person has seen enough."""
    from napari_octsam.training.run.report import report_best

    def show(what: str, done: int, total: int) -> None:
        if steering.stopped:
            raise _EnoughError
        teller.tell(Preparing(what, done, total))

    with suppress(_EnoughError):
        report_best(prepared, show)


class _EnoughError(Exception):
    """The person has pressed Stop before the first step, or while the report is made."""


def _path_of(file: Path) -> str:
    return str(file) if file.exists() else ""


def _receive(channel: Channel, steering: Steering) -> None:
    with suppress(EOFError):
        while True:
            message = channel.receive()
            if isinstance(message, Steer):
                steering.obey(message.wish)
    steering.obey("stop")


if __name__ == "__main__":
    main()
