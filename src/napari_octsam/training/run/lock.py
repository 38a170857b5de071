"""The lock on a run's folder: one process trains in it at a time."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import sweep

__all__ = ["lock_folder", "sweep_runs"]

_LOCK = "run.lock"
_PATIENCE = 3.0  # seconds for a process that was just stopped to be gone


def lock_folder(folder: Path) -> FileLock:
    """Lock the folder of a run for this process; the operating system frees it when that ends.

    Returns
    -------
    The lock, which holds until nobody refers to it any more.

    Raises
    ------
    UserError
        Another process has it, or nothing can be written there.
    """
    path = folder / _LOCK
    lock = FileLock(  # one process may ask twice
        path, thread_local=False, is_singleton=True, mode=0o600
    )
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise UserError(
            f"Another process is training the run {folder}: wait for its end, or stop it first."
        ) from error
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    return lock


def sweep_runs(root: Path) -> None:
    """Remove what killed trainings have left half-written in the folders of their runs.

    Runs that a process has are left alone.
    """
    for path in root.glob(f"*/{_LOCK}"):
        lock = FileLock(path, thread_local=False)
        with suppress(OSError, Timeout):
            lock.acquire(timeout=0)
            sweep(path.parent)
            lock.release()
