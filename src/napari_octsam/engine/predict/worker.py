"""The engine's process: takes calls from its input pipe, works, answers on its output pipe.

The main thread computes. A second thread receives, so that a cancel or the end of napari is seen
while the first one is in the midst of an encoder. A third one downloads, so that prediction goes
on meanwhile.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.core.errors import UserError
from napari_octsam.engine.child import cap_log, settle_in
from napari_octsam.engine.predict.messages import Download, Progress, Stage
from napari_octsam.engine.predict.schedule import Cancelled, Preempted, Schedule
from napari_octsam.engine.wire import (
    Answered,
    Call,
    Cancel,
    Channel,
    Failed,
    Progressed,
    Ready,
    Stopped,
    Warned,
)

if TYPE_CHECKING:
    from napari_octsam.engine.predict.service import Service

__all__ = ["main"]

_PROGRESS_INTERVAL = 0.05  # seconds

_log = logging.getLogger("napari_octsam.engine")


def main() -> None:
    """Serve calls until the input pipe closes; arguments: cache folder, most bytes in it."""
    folder, cache_bytes = Path(sys.argv[1]), int(sys.argv[2])
    channel = settle_in()
    work, downloads = Schedule(), Schedule()
    threading.Thread(target=_receive, args=(channel, work, downloads), daemon=True).start()
    from napari_octsam.engine.predict.service import Service  # imports torch: seconds

    service = Service(folder, cache_bytes, warn=lambda text: channel.send(Warned(text)))
    threading.Thread(target=_serve, args=(channel, downloads, service), daemon=True).start()
    with suppress(BrokenPipeError):
        channel.send(Ready())
        _serve(channel, work, service)


def _receive(channel: Channel, work: Schedule, downloads: Schedule) -> None:
    while True:
        try:
            message = channel.receive()
        except EOFError:
            break
        match message:
            case Call(request=Download()):
                downloads.add(message)
            case Call():
                work.add(message)
            case Cancel(id_):
                work.cancel(id_)
                downloads.cancel(id_)
    os._exit(0)  # at once, whatever is being computed: no orphan may keep a GPU


def _serve(channel: Channel, schedule: Schedule, service: Service) -> None:
    while True:
        call = schedule.take()
        teller = Teller(channel, schedule, call)
        try:
            reply = _reply(call, service, teller)
        except Preempted:
            schedule.put_back(call)
            channel.send(Progressed(call.id, Progress("waiting")))
        else:
            schedule.finish(call)
            channel.send(reply)
        cap_log()


def _reply(call: Call, service: Service, tell: Teller) -> Answered | Failed | Stopped:
    try:
        return Answered(call.id, service.answer(call.request, tell))
    except Cancelled:
        return Stopped(call.id)
    except UserError as error:
        return Failed(call.id, str(error))
    except Preempted:
        raise
    except Exception as error:
        _log.exception("call %d, %s", call.id, type(call.request).__name__)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return Failed(call.id, f"The engine failed while {tell.stage}: {reason}.", fault=True)


class Teller:
    """Tells about one call; raises where the call must not go on."""

    def __init__(self, channel: Channel, schedule: Schedule, call: Call) -> None:
        self._channel = channel
        self._schedule = schedule
        self._call = call
        self._last = 0.0
        self.stage: Stage = "waiting"

    def __call__(self, stage: Stage, done: int = 0, total: int = 0, subject: str = "") -> None:
        """Tell what is being done, though not more often than a person can see.

        Raises
        ------
        Cancelled, Preempted
            See `Schedule.check`; not where all is done, which would waste it.
        """
        complete = 0 < total <= done
        if not complete:
            self._schedule.check(self._call)
        now = time.monotonic()
        if stage != self.stage or complete or now - self._last > _PROGRESS_INTERVAL:
            self._channel.send(Progressed(self._call.id, Progress(stage, done, total, subject)))
            self.stage, self._last = stage, now


if __name__ == "__main__":
    main()
