"""A cluster of dask's: its workers see the same files by the same paths."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from napari_octsam.core.errors import UserError

__all__ = ["ClusterWorkers"]

_AHEAD = 2  # tasks for each thread of the cluster
_PATIENCE = 30  # seconds for the scheduler to answer


class ClusterWorkers:
    """The workers of a scheduler, as many as there are at any time.

    Where one dies, dask has its tasks done by others; a task of which several die fails.

    Parameters
    ----------
    address
        Such as tcp://host:8786.

    Raises
    ------
    UserError
        dask.distributed is not installed, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise UserError(
                "--scheduler needs dask.distributed: pip install 'napari-octsam[cluster]', here "
                "and on the cluster's machines."
            ) from error
        try:
            self._client = Client(address, timeout=_PATIENCE)
        except (OSError, ValueError) as error:
            raise UserError(
                f"No scheduler answers at {address}: it is what 'dask scheduler' prints, such as "
                "tcp://host:8786."
            ) from error
        self._pool = self._client.get_executor(pure=False)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the cluster, which goes on; what is in work there is dropped."""
        self._client.close()

    @property
    def at_once(self) -> int:
        """Tasks in work, and those that wait for a free worker."""
        threads: int = sum(self._client.nthreads().values())
        return max(_AHEAD * threads, 1)

    def submit(self, work: Callable[[], Any]) -> Future[Any]:
        """Begin a task."""
        future: Future[Any] = self._pool.submit(work)
        return future

    def renew(self) -> None:
        """Do nothing: the scheduler does."""
