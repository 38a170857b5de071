"""How many objects of a B-scan are decoded at once: fewer after memory ran out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.models.devices import NotEnoughMemoryError
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["Groups"]

_ON_CPU = 8  # objects at once: more are no faster there, and Stop would be heard later


class Groups:
    """Cuts the objects of a B-scan into groups that fit the memory.

    Parameters
    ----------
    config
        From `TrainConfig.suited`.
    device
        Where they are decoded.

    Attributes
    ----------
    size : int
        Objects in a group at most.
    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        assert config.objects is not None
        assert config.batch_size is not None
        self._together = config.uses_original_topology and config.batch_size > 1
        is_cut = device.type == "cpu" and not self._together
        self.size = min(config.objects, _ON_CPU) if is_cut else config.objects

    def cut(self, objects: Sequence[SimulatedObject]) -> Iterator[Sequence[SimulatedObject]]:
        """Return the objects group by group."""
        return (objects[i : i + self.size] for i in range(0, len(objects), self.size))

    def halve(self, most: int, error: NotEnoughMemoryError) -> None:
        """Take half as many from now on as did not fit.

        Parameters
        ----------
        most
            Objects of a B-scan that there were.

        Raises
        ------
        UserError
            It was a single object, or the original topology loss needs all of them at once.
        """
        if self._together:
            raise UserError(
                "The objects of a B-scan do not fit the memory all at once, as the original "
                "topology loss takes them: set topology to spatial, or objects or batch_size lower."
            ) from error
        size = min(self.size, most)
        if size <= 1:
            raise UserError(
                "Not even one object of a B-scan fits the memory: choose a smaller base "
                "model, train the mask decoder only, or compute on the CPU."
            ) from error
        self.size = size // 2
