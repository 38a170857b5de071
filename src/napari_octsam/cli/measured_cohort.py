"""Many files are measured: each by itself, known again by its content, all in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_octsam.cli.cohort import begun_workers, worked_through
from napari_octsam.cli.labels import known_schema
from napari_octsam.cli.measured_files import measure_file
from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from napari_octsam.cli.measured_files import Asked

__all__ = ["Cohort", "measure_cohort"]

_COLUMNS = "columns"


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """Figures of many files, which are read one by one from where they are kept.

    Parameters
    ----------
    kept
        Keys of the figures by file, in the files' order.
    failed
        Why others have none.
    """

    folder: Path
    kept: dict[str, str]
    failed: dict[str, str]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the record of each file, as `measurement.records.record` makes it."""
        for name, value in self._values():
            yield {**value["record"], "file": name}

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yield each file with the table of its columns, where that was asked for."""
        for name, value in self._values():
            yield name, value[_COLUMNS]

    def _values(self) -> Iterator[tuple[str, dict[str, Any]]]:
        from napari_octsam.cohorts.kept import KeptResults

        results = KeptResults(self.folder)
        for name, key in self.kept.items():
            value = results.get(key)
            if value is None:
                raise UserError(f"{self.folder} was emptied meanwhile: measure again.")
            yield name, value


def measure_cohort(
    files: Sequence[Path],
    asked: Asked,
    *,
    columns: bool,
    processes: int | None,
    scheduler: str | None,
) -> Cohort:
    """Measure files, each in a process; those that were measured before are known again.

    Parameters
    ----------
    columns
        Whether the thickness of every column is wanted, too.
    """
    from napari_octsam.cohorts.kept import KeptResults
    from napari_octsam.cohorts.work import Task
    from napari_octsam.core.folders import cache_folder

    folder = cache_folder().absolute() / "measured"
    results = KeptResults(folder)
    tasks = [
        Task(path.name, partial(_measure, path.absolute(), asked, folder, columns=columns))
        for path in files
    ]
    keys: dict[str, str] = {}
    failed: dict[str, str] = {}
    with begun_workers(len(tasks), processes, scheduler) as workers:
        for outcome in worked_through("Measuring", tasks, workers):
            if outcome.reason:
                failed[outcome.name] = outcome.reason
                continue
            keys[outcome.name], value = outcome.value
            if results.get(keys[outcome.name]) is None:  # another machine kept it elsewhere
                results.put(keys[outcome.name], value)
    order = [path.name for path in files]
    return Cohort(
        folder,
        {name: keys[name] for name in order if name in keys},
        {name: failed[name] for name in order if name in failed},
    )


def _measure(
    path: Path, asked: Asked, folder: Path, *, columns: bool
) -> tuple[str, dict[str, Any]]:
    """Return the key and the figures of a file; runs in any process."""
    from napari_octsam.cohorts.kept import KeptResults, content_key
    from napari_octsam.measurement.records import columns_table, record

    beside = None if path.is_dir() else known_schema(path, asked.schema)
    key = content_key(path, asked, beside, columns)
    results = KeptResults(folder)
    value = results.get(key)
    if value is None:
        measured = measure_file(path, asked).measured
        value = {"record": record(path.name, measured)}
        if columns:
            value[_COLUMNS] = columns_table(measured)
        results.put(key, value)
    return key, value
