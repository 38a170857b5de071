"""Where the commands print: results on stdout, notes, progress and errors on stderr.

What is printed is text: names of files and classes are shown as they are, whatever they hold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Protocol, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.segment import Segment
from rich.text import Text

from napari_octsam.core.wording import printable

__all__ = [
    "ShowPhase",
    "TextConsole",
    "complain",
    "download_bar",
    "drop_output",
    "note",
    "out",
    "phases_bar",
    "say",
    "steps_bar",
    "working",
]


class _Forgiving:
    """Stderr, where what cannot be written is not missed: work goes on without a note."""

    @property
    def _stream(self) -> Any:
        return getattr(sys.stderr, "rich_proxied_file", sys.stderr)  # bars stand in front of it

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class TextConsole(Console):
    """A console to which strings are text, without markup, and nothing steers the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, markup=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render something as segments, of which only rich's own steer."""
        for segment in super().render(renderable, options):
            own = segment.control is not None
            yield segment if own else Segment(printable(segment.text), segment.style)


out = TextConsole()
_err = TextConsole(file=cast("IO[str]", _Forgiving()))


def say(message: str) -> None:
    """Print a result as one line."""
    out.print(_one_line(message), highlight=False, soft_wrap=True)


def drop_output() -> None:
    """Leave out what stdout could not take, or Python would try again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def complain(message: str) -> None:
    """Print an error in red."""
    _err.print(message, style="red", highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Print something to know beside the result, as one line."""
    _err.print(_one_line(message), style="dim", highlight=False, soft_wrap=True)


@contextmanager
def working(message: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done while the block runs; gives a function that changes the text."""
    with _err.status(Text(message)) as status:
        yield lambda text: status.update(Text(text))


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the block runs; gives a function that is told the bytes done and in total.

    The total is 0 where it is not known.
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_err, transient=True) as progress:
        task = progress.add_task(name, total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield show


class ShowPhase(Protocol):
    """Shows what is being done."""

    def __call__(self, what: str, done: int, total: int, text: str = "") -> None:
        """Take the name of the phase, how many of how many are done, and words beside the bar."""
        ...


@contextmanager
def phases_bar(first: str) -> Iterator[ShowPhase]:
    """Show a bar while the block runs, which begins anew with each phase of the work.

    Parameters
    ----------
    first
        Shown until the first phase is told.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=_err, transient=True) as progress:
        task = progress.add_task(first, total=None, text="")
        phase: tuple[str, int] | None = None

        def show(what: str, done: int, total: int, text: str = "") -> None:
            nonlocal phase
            if phase != (what, total):
                phase = (what, total)
                progress.reset(task, description=what, total=total, completed=done, text=text)
            else:
                progress.update(task, completed=done, text=text)

        yield show


@contextmanager
def steps_bar(name: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show a bar while the block runs; gives a function that is told the steps done and a text."""
    with phases_bar(name) as show:
        show(name, 0, total)
        yield lambda done, text: show(name, done, total, text)


def _one_line(text: str) -> str:
    return text.replace("\n", " ")
