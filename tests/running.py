"""Commands in processes of their own: real ones, or forked from one that has torch already.

To import torch takes a process longer than all that most tests want of it. A forked one is like a
real one in all else that the tests look at: number, signals, limits, folder, environment, output.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any, ClassVar

__all__ = ["ForkedPopen", "Running", "fork_context", "forked", "octsam", "real", "run_named"]

_HEAVY = ["torch._dynamo", "napari_octsam.topology.persistence.ranks", "tests.small_runs"]
_MODULES = os.pathsep.join(sys.path)
_FORKING = threading.Lock()  # multiprocessing takes no note of threads that ask for an exit code


def fork_context() -> Any:
    """Return what makes processes from one that has torch; on Windows they are new ones."""
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_HEAVY)
    return context


class Running:
    """A process at work, and what it prints."""

    def __init__(
        self,
        process: subprocess.Popen[str] | BaseProcess,
        output: IO[str],
        end: Callable[[float], int | None],
    ) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.kill = process.kill
        self._output = output
        self._end = end

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
        return self._end(60), said


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
    """Call a function in a folder, in a process that has torch from its birth."""
    reading, writing = os.pipe()
    streams = {1: writing, 2: os.dup(writing)}
    process = _fork(streams, {**os.environ, **environment}, folder, function, *arguments)

    def end(seconds: float) -> int | None:
        process.join(seconds)
        return process.exitcode

    return Running(process, os.fdopen(reading, encoding="utf-8"), end)


def octsam(*arguments: str) -> None:
    """What `octsam` does, for `forked`."""
    sys.argv = ["octsam", *arguments]
    from napari_octsam.cli import main

    main()


def run_named(name: str, *arguments: object) -> None:
    """Call a function by its name, for `forked`: nobody else needs its module."""
    resolve_name(name)(*arguments)


class ForkedPopen:
    """What `subprocess.Popen` is to the engine: a module at work behind two pipes and a log."""

    first: ClassVar[Sequence[str]] = ()
    """Names of functions that the process calls before it begins."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: int,
        bufsize: int,
        stderr: IO[bytes],
        env: Mapping[str, str],
        creationflags: int,
    ) -> None:
        assert (stdin, stdout, creationflags) == (subprocess.PIPE, subprocess.PIPE, 0)
        module, *arguments = command[command.index("-m") + 1 :]
        (heard, into), (out, told) = os.pipe(), os.pipe()
        streams = {0: heard, 1: told, 2: os.dup(stderr.fileno())}
        self._process = _fork(streams, env, Path.cwd(), _run_module, module, arguments, self.first)
        self.stdin = os.fdopen(into, "wb", bufsize)
        self.stdout = os.fdopen(out, "rb", bufsize)
        self.pid = self._process.pid
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if not wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired("a forked process", timeout or 0)
        with _FORKING:
            self.returncode = self._process.exitcode
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        self._process.kill()


def _run_module(module: str, arguments: list[str], first: Sequence[str]) -> None:
    for name in first:
        resolve_name(name)()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _fork(
    streams: Mapping[int, int],
    environment: Mapping[str, str],
    folder: Path,
    function: Callable[..., object],
    *arguments: object,
) -> BaseProcess:
    """Call a function in a new process; its streams are closed here."""
    given = {number: Connection(stream) for number, stream in streams.items()}
    process: BaseProcess = fork_context().Process(
        target=_work,
        args=(given, dict(environment), folder, function, arguments),
        daemon=True,  # a test that fails leaves nobody at work
    )
    with _FORKING:
        process.start()
    for stream in given.values():
        stream.close()
    return process


def _work(
    streams: Mapping[int, Connection],
    environment: Mapping[str, str],
    folder: Path,
    function: Callable[..., object],
    arguments: tuple[object, ...],
) -> None:
    for number, stream in streams.items():
        os.dup2(stream.fileno(), number)
        stream.close()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    function(*arguments)
