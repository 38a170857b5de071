"""What each process of the engine does first: its pipes carry messages, its log all else."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal

from napari_octsam.engine.wire import PIPE_BYTES, Channel

__all__ = ["cap_log", "settle_in"]

_LOG_BYTES = 1 << 20  # at this size the log begins anew


def settle_in() -> Channel:
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


def cap_log() -> None:
    """Let the log begin anew where it has become too long."""
    if os.fstat(2).st_size > _LOG_BYTES:
        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
