"""The objects of a labelled B-scan as the original project trains on them: its components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.masks import EIGHT_CONNECTED
from napari_octsam.core.prompts import Point, Prompt
from napari_octsam.training.simulation import SimulatedObject, jittered_box, simulate_prompt

__all__ = ["component_objects"]

_BOX_REACH = 10  # pixels by which a side of a box is moved at most


def component_objects(
    labels: npt.NDArray[np.uint8],
    values: Sequence[int],
    config: TrainConfig,
    rng: np.random.Generator,
) -> list[SimulatedObject]:
    """Return up to `config.objects` 8-connected components with a prompt each.

    Parameters
    ----------
    labels
        (H, W) label values; `NOT_LABELLED` pixels do not count.
    values
        Classes to take.
    """
    ignored = labels == NOT_LABELLED
    found = [(value, mask) for value in values for mask in _components(labels == value)]
    if len(found) > config.objects:
        found = [found[i] for i in rng.choice(len(found), config.objects, replace=False)]
    return [
        SimulatedObject(
            mask=mask,
            prompt=_prompt(mask, config.prompt, rng),
            ignored=ignored if ignored.any() else None,
            named=("", value),
        )
        for value, mask in found
    ]


def _components(mask: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    numbers, count = ndimage.label(mask, EIGHT_CONNECTED)
    return [numbers == number for number in range(1, count + 1)]


def _prompt(mask: npt.NDArray[np.bool_], kind: str, rng: np.random.Generator) -> Prompt:
    if kind == "mixed":
        return simulate_prompt(mask, rng)
    if kind == "boxes":
        return Prompt(1, box=jittered_box(mask, rng, _BOX_REACH))
    rows, cols = np.nonzero(mask)
    chosen = int(rng.integers(len(rows)))
    return Prompt(1, points=(Point(float(rows[chosen]), float(cols[chosen])),))
