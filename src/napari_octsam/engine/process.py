"""A process of the engine as napari's side sees it: started, spoken to, ended.

It is started by `subprocess` and not by `multiprocessing`, whose spawn imports the parent's main
module again: under napari that is Qt, and in a script without `if __name__ == "__main__"` it is
the whole script. The child knows one module and two pipes, its standard input and output. They
need no address and no key, work alike on Linux, macOS and Windows, and break by themselves when
either side dies. What libraries and a crash print goes to a log, which exists before the first
line of Python runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.spawn import get_executable
from pathlib import Path
from typing import IO

from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import make_private
from napari_octsam.core.processes import isolated_environment, isolated_python
from napari_octsam.engine.wire import PIPE_BYTES, Channel

if sys.platform == "linux":
    import fcntl

__all__ = ["WAITING", "EngineProcess", "process_environment"]

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "10000"}
"""How a process's OpenMP threads wait for one another: a moment awake, then asleep.

By default they stay awake, and then one busy thread of napari on a machine of few cores makes a
decode several times slower. Without that moment (which GNU's OpenMP takes in rounds of its loop,
and others do not know) each small operation would wake them anew.
"""

_NICER = 10  # than the process that starts it
_NICEST = 19


class EngineProcess:
    """A running process of the engine: the one that predicts, or one that trains.

    Parameters
    ----------
    module
        What it runs: a module of this package.
    arguments
        Of the module's command line.
    folder
        For its log.
    log
        Name of the log in the folder.
    yields
        Whether it gives way to other processes that want to compute.

    Raises
    ------
    UserError
        There is no Python interpreter to run it.
    OSError
        It cannot be started.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        log: str = "engine.log",
        *,
        yields: bool = False,
    ) -> None:
        command = isolated_python("-m", module, *arguments, executable=_interpreter())
        with _open_log(folder, log) as file:
            self.log = Path(file.name)
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=PIPE_BYTES,
                stderr=file,
                env=process_environment(),
                creationflags=_creation_flags(yields),
            )
        if yields and sys.platform != "win32":
            with suppress(OSError):  # it has ended already
                niceness = os.getpriority(os.PRIO_PROCESS, 0) + _NICER
                os.setpriority(os.PRIO_PROCESS, self._process.pid, min(niceness, _NICEST))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _widen(self._process.stdin)
        _widen(self._process.stdout)
        self.channel = Channel(self._process.stdout, self._process.stdin)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int:
        """What it ended with, once `end` has returned; below 0 for a signal's number on POSIX."""
        return self._process.returncode

    def end(self, timeout: float = 0.0) -> None:
        """Wait `timeout` seconds for the process to end by itself, then kill it."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def fate(self) -> str:
        """Return how the process ended, to stand after "The engine"."""
        code = self.exit_code
        if code >= 0:
            return f"stopped with exit code {code}"
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        hint = ", as happens when memory runs out" if name == "SIGKILL" else ""
        return f"was stopped by {name}{hint},"


def _interpreter() -> str:
    """Return the Python to run, which a frozen app can name by multiprocessing.set_executable."""
    executable = os.fsdecode(get_executable() or "")
    if not executable or (getattr(sys, "frozen", False) and executable == sys.executable):
        raise UserError(
            "The engine needs a Python interpreter, which this app does not have: "
            "install napari with pip or conda."
        )
    return executable


def _creation_flags(yields: bool) -> int:
    """Return Windows' flags: without a console, and of lower priority where it yields."""
    if sys.platform != "win32":
        return 0
    priority = subprocess.BELOW_NORMAL_PRIORITY_CLASS if yields else 0
    return subprocess.CREATE_NO_WINDOW | priority


def process_environment() -> dict[str, str]:
    """Return the parent's environment with what the engine needs besides.

    The engine finds the same modules as napari, but for those of the current folder. Its threads
    wait as the person chose, or as `WAITING` says.
    """
    chosen = WAITING.keys() & os.environ.keys()
    return ({} if chosen else WAITING) | isolated_environment()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold a whole message: each time that one runs full costs a wake-up."""
    if sys.platform == "linux":
        with suppress(OSError):  # over the system's limit: then it stays as it was
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _open_log(folder: Path, name: str) -> IO[bytes]:
    """Open a log for its user alone: it can name files, and so patients."""
    try:
        make_private(folder)
        (folder / name).touch(0o600)
        return (folder / name).open("ab")
    except OSError:
        return tempfile.NamedTemporaryFile(prefix="octsam-engine-", suffix=".log", delete=False)
