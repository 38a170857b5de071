"""Threads that share the cores of a CPU.

Operations on small arrays gain little by more threads within each: they wait for one another more
than they compute. So whatever can be done side by side is, each with fewer cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch

__all__ = ["sharing_the_cores"]


@contextmanager
def sharing_the_cores(threads: int) -> Iterator[Executor]:
    """Give as many threads, each with its share of the cores for its tensors."""
    cores = torch.get_num_threads()
    each = (max(1, cores // threads),)
    try:
        with ThreadPoolExecutor(threads, "octsam", torch.set_num_threads, each) as executor:
            yield executor
    finally:
        torch.set_num_threads(cores)
