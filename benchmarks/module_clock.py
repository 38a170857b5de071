"""How much of a training step one kind of module takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

__all__ = ["ModuleClock", "clocked"]


class ModuleClock:
    """Adds up the seconds of the forward and backward passes of a kind of module.

    Parameters
    ----------
    kind
        Modules that take a tensor of their own first, and give one.
    """

    def __init__(self, kind: type[nn.Module]) -> None:
        self.seconds = 0.0
        self._kind = kind
        self._started = 0.0

    def begin(self, module: nn.Module, _inputs: Any) -> None:
        """Take note of a forward pass that begins."""
        if isinstance(module, self._kind):
            self._start()

    def end(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        """Take note of a forward pass that ends, and of the backward pass when it comes."""
        if isinstance(module, self._kind):
            self._stop()
            output.register_hook(self._start)
            inputs[0].register_hook(self._stop)

    def _start(self, _gradient: Tensor | None = None) -> None:
        self._started = time.perf_counter()

    def _stop(self, _gradient: Tensor | None = None) -> None:
        self.seconds += time.perf_counter() - self._started


@contextmanager
def clocked(kind: type[nn.Module]) -> Iterator[ModuleClock]:
    """Time all modules of a kind while the context lasts."""
    clock = ModuleClock(kind)
    hooks = register_module_forward_pre_hook(clock.begin), register_module_forward_hook(clock.end)
    try:
        yield clock
    finally:
        for hook in hooks:
            hook.remove()
