"""The cores of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Any, Self

__all__ = ["LocalWorkers", "cores"]

_AHEAD = 2  # tasks for each process: one in work, and one that it can begin at once
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalWorkers:
    """So many processes of this machine, begun anew where one dies, ended with the block.

    Parameters
    ----------
    processes
        How many; they share the cores.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool = self._begun()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes; at once where the block is left by an error, as by Ctrl-C."""
        if kind is not None:
            for child in multiprocessing.active_children():
                child.terminate()
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def at_once(self) -> int:
        """Tasks in work, and those that wait for a free process."""
        return _AHEAD * self._processes

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Begin a task."""
        return self._pool.submit(work)

    def renew(self) -> None:
        """Go on with other processes."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._begun()

    def _begun(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._processes,
            multiprocessing.get_context("spawn"),  # a fork of threads may stand still for ever
            initializer=_prepare,
            initargs=(max(1, cores() // self._processes),),
        )


def _prepare(threads: int) -> None:
    """Leave Ctrl-C to the process that began this one, and its cores to the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in _THREADS:
        os.environ.setdefault(name, str(threads))
