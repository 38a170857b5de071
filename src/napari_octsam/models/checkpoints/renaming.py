"""Weights under another library's names, and back under this package's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from napari_octsam.models.architecture import Names

__all__ = ["to_library", "to_own"]


def to_own(state_dict: Mapping[str, Tensor], names: Names, own: Iterable[str]) -> dict[str, Tensor]:
    """Return a library's weights under this package's names, `own`; unknown ones keep theirs."""
    known = {names.of(name): name for name in own} | {**names.copies}
    return {known.get(name, name): weights for name, weights in state_dict.items()}


def to_library(state_dict: Mapping[str, Tensor], names: Names) -> dict[str, Tensor]:
    """Return weights under a library's names; what it keeps more than once is copied."""
    renamed = {names.of(name): weights for name, weights in state_dict.items()}
    return renamed | {copy: state_dict[name].clone() for copy, name in names.copies.items()}
