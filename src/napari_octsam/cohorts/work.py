"""Tasks that are worked through: a bad one is an outcome, too, and a process that dies costs one.

Only so many are in work as there is room for, however many there are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from typing import Any, Protocol

from napari_octsam.core.errors import UserError

__all__ = ["Outcome", "Task", "Workers", "work_through"]

_DIED = "The process that worked on it ended: perhaps there was too little memory."


@dataclass(frozen=True, slots=True)
class Task:
    """What is done for one volume.

    Parameters
    ----------
    name
        Of the volume.
    work
        Called in another process, maybe on another machine: it must be picklable, and what it
        returns too.
    """

    name: str
    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Parameters
    ----------
    value
        What it returned; None where it failed.
    reason
        Why it failed; "" where it did not.
    """

    name: str
    value: Any = None
    reason: str = ""


class Workers(Protocol):
    """Where tasks are done."""

    @property
    def at_once(self) -> int:
        """How many tasks may be in work or wait for a free process."""

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Begin a task."""
        ...

    def renew(self) -> None:
        """Go on with other processes after one has died."""


def work_through(tasks: Iterable[Task], workers: Workers) -> Iterator[Outcome]:
    """Do all tasks, and yield what becomes of each as it is done.

    Where a process dies, what was in work begins once more, one after the other: so the task that
    it died of is found out, and costs no other.
    """
    waiting, suspects, tried = iter(tasks), deque[Task](), set[Task]()
    running: dict[Future[Any], Task] = {}
    while True:
        _fill(running, waiting, suspects, workers)
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        dead: list[Task] = []
        for future in done:
            task = running.pop(future)
            try:
                outcome = Outcome(task.name, future.result())
            except BrokenExecutor:
                dead.append(task)
                continue
            except Exception as error:  # of a task, whatever it is, and of no other
                outcome = Outcome(task.name, reason=_reason(error))
            yield outcome
        if dead:
            dead += running.values()
            running.clear()
            workers.renew()
            yield from (Outcome(task.name, reason=_DIED) for task in dead if task in tried)
            suspects.extend(task for task in dead if task not in tried)
            tried.update(dead)


def _fill(
    running: dict[Future[Any], Task],
    waiting: Iterator[Task],
    suspects: deque[Task],
    workers: Workers,
) -> None:
    """Begin tasks while there is room; suspects by themselves."""
    if suspects:
        if not running:
            _begin(suspects.popleft(), running, workers)
        return
    while len(running) < workers.at_once:
        task = next(waiting, None)
        if task is None:
            return
        _begin(task, running, workers)


def _begin(task: Task, running: dict[Future[Any], Task], workers: Workers) -> None:
    try:
        future = workers.submit(task.work)
    except BrokenExecutor:  # a process died that had nothing to do
        workers.renew()
        future = workers.submit(task.work)
    running[future] = task


def _reason(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'It'}: {error.strerror or error}."
    return f"{type(error).__name__}: {error}"
