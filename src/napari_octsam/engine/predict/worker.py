"""The engine's process: takes calls from its input pipe, works, answers on its output pipe.

The main thread computes, with another beside it where B-scans are labelled in the background. One
hears (see `engine.child`), and one downloads, so that prediction goes on meanwhile.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octsam.engine.child import final_word, listen, open_channel, tell
from napari_octsam.engine.predict.messages import Download, Progress, Request, Stage
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


def main() -> None:
    """Serve calls until the input pipe closes; arguments: cache folder, most bytes in it."""
    folder, cache_bytes = Path(sys.argv[1]), int(sys.argv[2])
    channel = open_channel()
    work, downloads = Schedule(), Schedule()
    # The end is at once, whatever is being computed: no orphan may keep a GPU.
    listen(channel, partial(_take, channel, work, downloads), gone=lambda: os._exit(0))
    from napari_octsam.engine.predict.service import Service  # imports torch: seconds

    service = Service(folder, cache_bytes, warn=lambda text: tell(channel, Warned(text)))
    threading.Thread(target=_serve, args=(channel, downloads, service), daemon=True).start()
    tell(channel, Ready())
    _serve(channel, work, service)


def _take(
    channel: Channel, work: Schedule, downloads: Schedule, message: Call[Request] | Cancel
) -> None:
    match message:
        case Call(request=Download()):
            downloads.add(message)
        case Call():
            work.add(message)
        case Cancel(id_):
            if work.cancel(id_) or downloads.cancel(id_):
                tell(channel, Stopped(id_))


def _serve(channel: Channel, schedule: Schedule, service: Service) -> None:
    from napari_octsam.models.cores import sharing_the_cores  # torch is here by now

    do = partial(_do, channel, schedule, service)
    while True:
        calls = schedule.take(service.side_by_side)
        if len(calls) == 1:
            do(calls[0])
        else:
            with sharing_the_cores(len(calls)) as threads:
                list(threads.map(do, calls))


def _do(channel: Channel, schedule: Schedule, service: Service, call: Call[Request]) -> None:
    try:
        reply = _reply(call, service, Teller(channel, schedule, call))
    except Preempted:
        schedule.put_back(call)
        tell(channel, Progressed(call.id, Progress("waiting")))
    else:
        schedule.finish(call)
        tell(channel, reply)


def _reply(
    call: Call[Request], service: Service, teller: Teller
) -> Answered[object] | Failed | Stopped:
    try:
        return final_word(
            call,
            work=lambda: service.answer(call.request, teller),
            failed=lambda: f"The engine failed while {teller.stage}",
        )
    except Cancelled:
        return Stopped(call.id)


class Teller:
    """Tells about one call; raises where the call must not go on."""

    def __init__(self, channel: Channel, schedule: Schedule, call: Call[Request]) -> None:
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
            tell(self._channel, Progressed(self._call.id, Progress(stage, done, total, subject)))
            self.stage, self._last = stage, now


if __name__ == "__main__":
    main()
