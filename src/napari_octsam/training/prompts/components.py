"""The objects of a labelled B-scan as the original project trains on them: its components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.regions import pieces
from napari_octsam.training.prompts.kinds import draw_prompt
from napari_octsam.training.prompts.simulation import SimulatedObject

__all__ = ["component_objects"]


def component_objects(
    labels: npt.NDArray[np.uint8],
    values: Sequence[int],
    config: TrainConfig,
    rng: np.random.Generator,
) -> list[SimulatedObject]:
    """Return up to `config.objects` (none: all) 8-connected components with a prompt each.

    Parameters
    ----------
    labels
        (H, W) label values; `NOT_LABELLED` pixels do not count.
    values
        Classes to take.
    """
    ignored = labels == NOT_LABELLED
    found = [(value, mask) for value in values for mask in pieces(labels == value)]
    if config.objects is not None and len(found) > config.objects:
        found = [found[i] for i in rng.choice(len(found), config.objects, replace=False)]
    return [
        SimulatedObject(
            mask=mask,
            prompt=replace(draw_prompt(mask, config.prompt, rng), class_value=value),
            ignored=ignored if ignored.any() else None,
        )
        for value, mask in found
    ]
