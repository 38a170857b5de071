"""The device to compute on, and what to say when its memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_octsam.core.errors import UserError

__all__ = ["NotEnoughMemoryError", "choose_device", "explaining_memory"]


class NotEnoughMemoryError(UserError):
    """The memory of the device, or of the machine, ran out."""


def choose_device(name: str = "auto") -> torch.device:
    """Return a device of this machine.

    Parameters
    ----------
    name
        "auto" (CUDA where there is one, else Apple's MPS, else the CPU), "cpu", "cuda", "cuda:1"
        or "mps".

    Raises
    ------
    UserError
        The device is not there.
    """
    if name == "auto":
        return _best_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"No device '{name}': use auto, cpu, cuda, cuda:1 or mps.") from error
    there = {
        "cpu": True,
        "cuda": (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise UserError(f"This machine has no device '{name}' that torch can use: try auto or cpu.")
    return device


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


@contextmanager
def explaining_memory(device: torch.device) -> Iterator[None]:
    """Turn running out of the device's memory into a `NotEnoughMemoryError`."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        raise NotEnoughMemoryError(
            f"The memory of {device} ran out: close other programs that use it, choose a smaller "
            "model, or compute on the CPU."
        ) from error
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate memory" not in str(error):
            raise
        raise NotEnoughMemoryError(
            "Memory ran out: close other programs or choose a smaller model."
        ) from error
