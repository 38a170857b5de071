"""One run by several processes, as `torchrun` starts them: each takes a share of every step."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from torch import distributed, nn

from napari_octsam.core.errors import UserError

__all__ = ["ALONE", "Workers", "in_one_go", "joined"]

_PATIENCE = timedelta(hours=6)  # the others wait while the first one downloads or validates

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes of a run, seen from one of them.

    All of them call the same methods in the same order.

    Parameters
    ----------
    rank
        Number of this process; 0 is the first, which alone writes, validates and prints.
    local_rank
        Its number on this machine, which is that of its GPU.
    size
        How many there are.
    """

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the first process."""
        return self.rank == 0

    def device(self, name: str) -> str:
        """Return the device of this process where the settings name one for all."""
        own = self.size > 1 and (name == "cuda" or (name == "auto" and torch.cuda.is_available()))
        return f"cuda:{self.local_rank}" if own else name

    def share(self, items: Sequence[T]) -> list[T]:
        """Return those of the items that this process takes."""
        return list(items[self.rank :: self.size])

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what the first process makes; the others wait for it.

        Where it raises a `UserError`, the others leave without a word.
        """
        if self.size == 1:
            return make()
        if not self.leads:
            return cast("T", self._received())
        try:
            value = make()
        except UserError:
            with suppress(UserError):  # this one says more than that the others are gone
                self._together(distributed.broadcast_object_list, [None, False])
            raise
        self._together(distributed.broadcast_object_list, [value, True])
        return value

    def wait(self) -> None:
        """Wait until all are here."""
        self.from_first(lambda: None)

    def any_wants(self, wish: bool) -> bool:
        """Return whether any process has this wish."""
        return self.least(0 if wish else 1) == 0

    def least(self, number: int) -> int:
        """Return the least of the processes' numbers."""
        if self.size == 1:
            return number
        box = torch.tensor(number)
        self._together(distributed.all_reduce, box, distributed.ReduceOp.MIN)
        return int(box)

    def begin_alike(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give all processes the parameters of the first one."""
        if self.size > 1:
            for parameter in parameters:
                self._together(distributed.broadcast, parameter.data, 0)

    def add_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give all processes the sum of their gradients; None where none has one."""
        if self.size == 1:
            return
        known = [parameter.grad is not None for parameter in parameters]
        flags = torch.tensor(known, dtype=torch.float32, device=parameters[0].device)
        parts = [p.detach().new_zeros(p.shape) if p.grad is None else p.grad for p in parameters]
        summed = torch.cat([flags, *(part.flatten() for part in parts)])
        self._together(distributed.all_reduce, summed)
        known = (summed[: len(parts)] > 0).tolist()
        gradients = torch.split(summed[len(parts) :], [part.numel() for part in parts])
        for parameter, gradient, is_known in zip(parameters, gradients, known, strict=True):
            parameter.grad = gradient.view_as(parameter) if is_known else None

    def add_losses(self, losses: Mapping[str, float]) -> dict[str, float]:
        """Return the sum of all processes' losses, by name."""
        if self.size == 1:
            return dict(losses)
        gathered: list[Any] = [None] * self.size
        self._together(distributed.all_gather_object, gathered, dict(losses))
        total: dict[str, float] = defaultdict(float)
        for each in gathered:
            for name, loss in each.items():
                total[name] += loss
        return dict(total)

    def _received(self) -> Any:
        box: list[Any] = [None, None]
        self._together(distributed.broadcast_object_list, box)
        value, well = box
        if not well:
            raise SystemExit(1)
        return value

    def _together(self, collective: Callable[..., object], *arguments: Any) -> None:
        """Do what all processes do together; where one is gone, the others leave without a word.

        Raises
        ------
        UserError
            In the first process: another one is gone.
        """
        try:
            collective(*arguments)
        except RuntimeError as error:
            if not self.leads:
                raise SystemExit(1) from error
            raise UserError(
                "Another process of this run has ended, and said why above. Its last saved state "
                "is kept: go on with --resume."
            ) from error


ALONE = Workers()
"""A run of one process."""


def in_one_go(work: Generator[object, None, T]) -> T:
    """Return what a generator comes to, and leave out what it tells on the way."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return cast("T", end.value)


@contextmanager
def joined() -> Iterator[Workers]:
    """Join the processes that `torchrun` started; without it, there is this one alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    workers = Workers(int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"]), size)
    gpus = torch.cuda.is_available()
    if gpus and workers.local_rank < torch.cuda.device_count():
        torch.cuda.set_device(workers.local_rank)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=_PATIENCE)
    try:
        yield workers
    finally:
        distributed.destroy_process_group()
