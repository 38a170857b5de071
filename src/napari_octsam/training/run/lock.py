"""The lock on a run's folder: one process trains in it at a time."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from napari_octsam.core.errors import UserError

__all__ = ["lock_folder"]

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
    path = folder / "run.lock"
    lock = FileLock(path, thread_local=False, is_singleton=True)  # one process may ask twice
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout as error:
        raise UserError(
            f"Another process is training the run {folder}: wait for its end, or stop it first."
        ) from error
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    return lock
