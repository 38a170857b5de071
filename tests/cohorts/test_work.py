"""Many tasks on processes: bad ones, processes that die, how many are in work, what is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_octsam.cohorts.here import Here
from napari_octsam.cohorts.kept import KeptResults, content_key
from napari_octsam.cohorts.local import LocalWorkers
from napari_octsam.cohorts.work import Task, work_through
from napari_octsam.core.errors import UserError


def double(number: int) -> int:
    return 2 * number


def refuse(number: int) -> int:
    raise UserError(f"{number} cannot be doubled.")


def die(_number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def die_once(mark: Path, number: int) -> int:
    """End the process where nobody has yet, as a machine that is switched off does."""
    try:
        mark.open("x").close()
    except FileExistsError:
        return 2 * number
    return die(number)


def tasks(works: dict[str, Callable[[int], int]]) -> list[Task]:
    return [Task(name, partial(work, n)) for n, (name, work) in enumerate(works.items())]


class Counting(Here):
    """Notes how many tasks it was given before the last ones were fetched."""

    at_once = 3

    def __init__(self) -> None:
        self.given = 0

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        self.given += 1
        return super().submit(work)


def test_a_bad_task_is_an_outcome_and_stops_no_other() -> None:
    works = {"a": double, "bad": refuse, "odd": partial(int, base="x"), "d": double}
    found = {each.name: each for each in work_through(tasks(works), Here())}  # type: ignore[arg-type]

    assert (found["a"].value, found["d"].value) == (0, 6)
    assert found["bad"].reason == "1 cannot be doubled."
    assert found["odd"].reason.startswith("TypeError")


def test_no_more_is_in_work_than_there_is_room_for() -> None:
    workers = Counting()
    fetched = 0

    def endless() -> Any:
        nonlocal fetched
        while True:
            fetched += 1
            yield Task(str(fetched), partial(double, fetched))

    outcomes = work_through(endless(), workers)
    for taken in range(1, 30):
        next(outcomes)
        assert fetched <= taken + workers.at_once
        assert fetched == workers.given


@pytest.mark.slow("ten processes are begun")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_process_that_dies_costs_its_own_task_and_no_other(tmp_path: Path) -> None:
    works: dict[str, Any] = {f"good {n}": double for n in range(4)}
    works |= {"deadly": die, "last": double}
    with LocalWorkers(2) as workers:
        found = {each.name: each for each in work_through(tasks(works), workers)}

    assert {name for name, each in found.items() if each.reason} == {"deadly"}
    assert "ended" in found["deadly"].reason
    assert [found[f"good {n}"].value for n in range(4)] == [0, 2, 4, 6]
    assert found["last"].value == 10
    unlucky: dict[str, Any] = {"unlucky": partial(die_once, tmp_path / "mark"), "other": double}
    with LocalWorkers(2) as workers:
        again = {each.name: each.value for each in work_through(tasks(unlucky), workers)}
    assert again == {"unlucky": 0, "other": 2}


def test_results_are_known_by_content_and_by_what_was_asked(tmp_path: Path) -> None:
    one, copy, folder = tmp_path / "one.tif", tmp_path / "copy.tif", tmp_path / "a.octsam"
    one.write_bytes(b"pixels")
    copy.write_bytes(b"pixels")
    (folder / "labels").mkdir(parents=True)
    (folder / "annotation.json").write_text("{}", "utf-8")
    (folder / "labels" / "0").write_bytes(b"0")
    assert content_key(one, "asked") == content_key(copy, "asked")
    assert content_key(one, "asked") != content_key(one, "else")
    before = content_key(folder)
    (folder / "annotation.lock").write_text("", "utf-8")
    assert content_key(folder) == before
    (folder / "labels" / "0").write_bytes(b"1")
    assert content_key(folder) != before

    kept = KeptResults(tmp_path / "kept")
    key = content_key(one)
    assert kept.get(key) is None
    kept.put(key, {"mean_um": 40.5})
    assert KeptResults(tmp_path / "kept").get(key) == {"mean_um": 40.5}
    (file,) = (tmp_path / "kept").rglob("*.gz")
    for damage in (b"", file.read_bytes()[:-9], b"nothing"):
        file.write_bytes(damage)
        assert kept.get(key) is None
    kept.put(key, {"mean_um": 41.0})
    assert kept.get(key) == {"mean_um": 41.0}
