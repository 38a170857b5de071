"""Many volumes on this machine's cores or on a cluster: options, progress, what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from napari_octsam.cli.console import steps_bar

if TYPE_CHECKING:
    from napari_octsam.cohorts.work import Outcome, Task, Workers

__all__ = ["Processes", "Scheduler", "begun_workers", "worked_through"]

_WORTH = 4
"""Tasks from which other processes are begun unasked: each takes seconds to begin."""

Processes = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, max=1024, help="Processes to work with; default: as there are cores."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Work on a cluster, by the address of its dask scheduler, such as tcp://host:8786.",
    ),
]


@contextmanager
def begun_workers(
    tasks: int, processes: int | None, scheduler: str | None, most: int | None = None
) -> Iterator[Workers]:
    """Give what does so many tasks: a cluster, processes, or this process where they are few.

    Parameters
    ----------
    most
        Processes that there may be where the person has not said how many.
    """
    from napari_octsam.cohorts.here import Here
    from napari_octsam.cohorts.local import LocalWorkers, cores

    if scheduler is not None:
        from napari_octsam.cohorts.cluster import ClusterWorkers

        with ClusterWorkers(scheduler) as cluster:
            yield cluster
        return
    wanted = processes
    if wanted is None:
        wanted = min(cores(), most or tasks) if tasks >= _WORTH else 1
    if min(wanted, tasks) < 2:
        yield Here()
        return
    with LocalWorkers(min(wanted, tasks)) as local:
        yield local


def worked_through(name: str, tasks: Sequence[Task], workers: Workers) -> Iterator[Outcome]:
    """Yield what becomes of each task, while a bar shows how many are done and the time left."""
    from napari_octsam.cohorts.work import work_through

    with steps_bar(name, len(tasks)) as show:
        for done, outcome in enumerate(work_through(tasks, workers), start=1):
            yield outcome
            show(done, outcome.name)
