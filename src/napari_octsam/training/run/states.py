"""Files of a training's state: written whole, read without running what is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from napari_octsam.core.errors import UserError
from napari_octsam.core.files import replacing
from napari_octsam.models.checkpoints.files import check_pickle
from napari_octsam.models.devices import NotEnoughMemoryError, explaining_memory

__all__ = ["restore_state", "write_state"]


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state; where that fails, the last one stays as it was.

    Raises
    ------
    UserError
        The file cannot be written: no right, a full disk.
    """
    with replacing(path) as part, part.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # a full disk, hidden by torch's words
                raise error.__context__ from error
            raise


def restore_state(
    path: Path, take_over: Callable[[dict[str, Any]], object], device: torch.device
) -> None:
    """Read a state, on the CPU, and have it taken over by what trains on a device.

    Raises
    ------
    NotEnoughMemoryError
        It does not fit the memory.
    UserError
        It cannot be read, or what trains does not take it.
    """
    try:
        check_pickle(path)
        with explaining_memory(device):
            take_over(torch.load(path, weights_only=True, map_location="cpu"))
    except NotEnoughMemoryError:
        raise
    except UserError as error:
        raise UserError(f"The run cannot go on from {path}: {error}") from error
    except Exception as error:  # half a file fails in as many ways as it can be cut
        raise UserError(
            f"The run cannot go on from {path}: it is no whole state of a run."
        ) from error
