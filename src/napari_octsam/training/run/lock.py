"""The lock on a run's folder: one process trains in it at a time."""

from __future__ import annotations

from pathlib import Path

from napari_octsam.core.files import sweep
from napari_octsam.core.locks import FileLock, if_free, lock_file

__all__ = ["lock_folder", "sweep_runs"]

_LOCK = "run.lock"
_PATIENCE = 3.0  # seconds for a process that was just stopped to be gone


def lock_folder(folder: Path) -> FileLock:
    """Lock the folder of a run for this process, which may ask twice.

    Raises
    ------
    UserError
        As of `lock_file`.
    """
    taken = f"Another process is training the run {folder}: wait for its end, or stop it first."
    return lock_file(folder / _LOCK, taken, patience=_PATIENCE, again=True)


def sweep_runs(root: Path) -> None:
    """Remove what killed trainings have left half-written in the folders of their runs.

    Runs that a process has are left alone.
    """
    for path in root.glob(f"*/{_LOCK}"):
        with if_free(path) as free:
            if free:
                sweep(path.parent)
