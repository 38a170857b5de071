"""The child's side of every process of the engine: it hears napari, and tells it what it does.

The main thread works. Another one hears, so that a cancel, a wish or the end of napari is seen
while the first is in the midst of something.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from napari_octsam.core.errors import UserError
from napari_octsam.engine.wire import PIPE_BYTES, Answered, Call, Channel, Failed

__all__ = ["final_word", "listen", "open_channel", "tell"]

_LOG_BYTES = 1 << 20  # at this size the log begins anew

_log = logging.getLogger("napari_octsam.engine")


def open_channel() -> Channel:
    """Return the channel to napari; what libraries print on stdout goes to the log from now on."""
    incoming, outgoing = (
        os.fdopen(os.dup(fd), mode, buffering=PIPE_BYTES) for fd, mode in ((0, "rb"), (1, "wb"))
    )
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is napari's
    faulthandler.enable()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
    )
    return Channel(incoming, outgoing)


def listen(
    channel: Channel, take: Callable[[Any], object], gone: Callable[[], object]
) -> threading.Thread:
    """Call `take` with each message on a thread of its own, and `gone` when none can come."""

    def hear() -> None:
        with suppress(EOFError):
            while True:
                take(channel.receive())
        gone()

    thread = threading.Thread(target=hear, name="octsam-hears-napari", daemon=True)
    thread.start()
    return thread


def tell(channel: Channel, message: object) -> None:
    """Tell napari something; where that is gone, the thread that hears it has seen so."""
    with suppress(OSError):
        channel.send(message)
    _cap_log()


def final_word(
    call: Call[Any], work: Callable[[], object], failed: Callable[[], str]
) -> Answered[object] | Failed:
    """Return what to say of a call once its work is done or has failed.

    Parameters
    ----------
    call
        What is worked on.
    work
        Returns the answer.
    failed
        Says what has failed, where it is neither the person's to mend nor known beforehand.
    """
    try:
        return Answered(call.id, work())
    except UserError as error:
        return Failed(call.id, str(error))
    except Exception as error:
        _log.exception("call %d, %s", call.id, type(call.request).__name__)
        reason = str(error).partition("\n")[0] or type(error).__name__
        return Failed(call.id, f"{failed()}: {reason}.", fault=True)


def _cap_log() -> None:
    """Let the log begin anew where it has become too long."""
    if os.fstat(2).st_size > _LOG_BYTES:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
