"""The weights of a network that are trained, by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

__all__ = ["TrainedWeights", "between", "hash_of", "shapes_of"]


class TrainedWeights:
    """Those of a network that learn, in the optimizer's order.

    Parameters
    ----------
    network
        A `Network` that is an `nn.Module` too.
    parameters
        Of it, that are trained.
    """

    def __init__(self, network: Any, parameters: Sequence[nn.Parameter]) -> None:
        self._network = network
        self.parameters = list(parameters)

    @property
    def by_name(self) -> dict[str, Tensor]:
        """The weights themselves."""
        names = {parameter: name for name, parameter in self._network.named_parameters()}
        return {names[parameter]: parameter for parameter in self.parameters}

    def copied(self) -> dict[str, Tensor]:
        """Return a copy of them."""
        return {name: value.detach().clone() for name, value in self.by_name.items()}

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Let the network have these."""
        self._network.load_state_dict(dict(weights), strict=False)

    @property
    def is_finite(self) -> bool:
        """Whether all of them are numbers."""
        return all(bool(weight.isfinite().all()) for weight in self.by_name.values())


def between(
    old: Mapping[str, Tensor], new: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Return weights on the straight line from old ones to new ones: `share` 1 is new."""
    if share == 1:
        return dict(new)
    return {name: old[name].lerp(weight, share) for name, weight in new.items()}


def shapes_of(weights: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each."""
    return {name: tuple(weight.shape) for name, weight in weights.items()}


def hash_of(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of weights and their names."""
    content = hashlib.sha256()
    for name, weight in weights.items():
        content.update(name.encode())
        content.update(weight.detach().cpu().contiguous().numpy().data)
    return content.hexdigest()
