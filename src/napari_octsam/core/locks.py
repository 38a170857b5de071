"""Files that are locked: what one process has for itself, until it ends or gives it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from napari_octsam.core.errors import UserError

__all__ = ["FileLock", "if_free", "lock_file"]


def lock_file(path: Path, taken: str, *, patience: float = 0.0, again: bool = False) -> FileLock:
    """Lock a file for this process, and make it where there is none, for its user alone.

    Parameters
    ----------
    taken
        The sentence for where another process has it.
    patience
        Seconds for a process that was just stopped to be gone.
    again
        Whether this process may have it more than once.

    Returns
    -------
    The lock, which holds until it is released, or nobody refers to it any more.

    Raises
    ------
    UserError
        Another process has it, or nothing can be written there.
    """
    lock = FileLock(path, thread_local=False, is_singleton=again, mode=0o600)
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise UserError(taken) from error
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    return lock


@contextmanager
def if_free(path: Path) -> Iterator[bool]:
    """Lock a file while the block runs, and tell it whether that could be done."""
    lock = FileLock(path, thread_local=False, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
