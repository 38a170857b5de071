"""Commands in processes of their own: real ones, or forked from one that has torch already.

To import torch takes a process longer than all that most tests want of it. A forked one is like a
real one in all else that the tests look at: number, signals, limits, folder, environment, output.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import IO, Protocol

__all__ = ["Running", "forked", "octsam", "real"]

_HEAVY = ["torch._dynamo", "torchvision", "monai.losses", "segment_anything"]
_MODULES = os.pathsep.join(sys.path)


class _Process(Protocol):
    @property
    def pid(self) -> int | None: ...

    def kill(self) -> None: ...


class Running:
    """A process at work, and what it prints."""

    def __init__(
        self, process: _Process, output: IO[str], wait: Callable[[float], int | None]
    ) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.kill = process.kill
        self._output = output
        self._wait = wait

    def until(self, beginning: str) -> None:
        """Read on to the end of the line that begins so."""
        for line in self._output:
            if line.startswith(beginning):
                return
        raise AssertionError(f"it ended without a line that begins with {beginning!r}")

    def send(self, sent: signal.Signals) -> None:
        os.kill(self.pid, sent)

    def end(self) -> tuple[int | None, str]:
        """Return the exit code, and all that was printed since; wait for it to end by itself."""
        with self._output:
            said = self._output.read()
        return self._wait(60), said


def real(*command: str, folder: Path, **environment: str) -> Running:
    """Start a module of Python in a folder, as people do."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": _MODULES, **environment},
        cwd=folder,
    )
    assert process.stdout is not None
    return Running(process, process.stdout, process.wait)


def forked(
    function: Callable[..., object], *arguments: object, folder: Path, **environment: str
) -> Running:
    """Call a function in a folder, in a process that has torch from its birth.

    Where processes cannot be forked safely, a new one is started.
    """
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    if isinstance(context, ForkServerContext):
        context.set_forkserver_preload(_HEAVY)
    reading, writing = context.Pipe(duplex=False)
    process = context.Process(
        target=_work,
        args=(writing, folder, {**os.environ, **environment}, function, arguments),
        daemon=True,  # a test that fails leaves nobody at work
    )
    process.start()
    writing.close()
    with reading:
        output = os.fdopen(os.dup(reading.fileno()), encoding="utf-8")

    def wait(seconds: float) -> int | None:
        process.join(seconds)
        return process.exitcode

    return Running(process, output, wait)


def octsam(*arguments: str) -> None:
    """What `octsam` does, for `forked`."""
    sys.argv = ["octsam", *arguments]
    from napari_octsam.cli import main

    main()


def _work(
    output: Connection,
    folder: Path,
    environment: Mapping[str, str],
    function: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output.fileno(), stream.fileno())
    output.close()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    function(*arguments)
