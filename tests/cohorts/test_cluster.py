"""A cluster of dask's, one of whose workers is killed while it works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_octsam.cohorts.cluster import ClusterWorkers
from napari_octsam.cohorts.work import Task, work_through
from napari_octsam.core.errors import UserError

distributed = pytest.importorskip("distributed")


def work_or_die(mark: Path, number: int) -> int:
    """End the worker's process the first time that the third task is begun."""
    if number == 3:
        try:
            mark.open("x").close()
        except FileExistsError:
            pass
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        raise UserError("5 is a bad volume.")
    return 10 * number


@pytest.fixture
def cluster() -> Iterator[Any]:
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options, processes=True, host="127.0.0.1") as cluster:
        yield cluster


@pytest.mark.slow("a scheduler and three workers are begun, each imports dask")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_all_is_done_though_a_worker_is_killed(cluster: Any, tmp_path: Path) -> None:
    tasks = [Task(str(n), partial(work_or_die, tmp_path / "mark", n)) for n in range(12)]
    with ClusterWorkers(cluster.scheduler_address) as workers:
        found = {each.name: each for each in work_through(tasks, workers)}

    assert (tmp_path / "mark").exists(), "a worker was killed"
    assert {name for name, each in found.items() if each.reason} == {"5"}
    assert found["5"].reason == "5 is a bad volume."
    assert {n: found[str(n)].value for n in range(12) if n != 5} == {
        n: 10 * n for n in range(12) if n != 5
    }


def test_what_is_no_scheduler_is_said() -> None:
    with pytest.raises(UserError, match="No scheduler answers at nothing"):
        ClusterWorkers("nothing")
