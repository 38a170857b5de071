"""Prompts that are taken from their layer, put back or on another B-scan, and taken again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_octsam.gui.layers.bscans import Plane, to_image_pixels

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image

    from napari_octsam.gui.layers.prompt_layers import PromptLayer

__all__ = ["TakenPrompts", "moved_to", "prompts_at", "put_back", "take_again", "take_prompts"]


@dataclass(frozen=True, slots=True, eq=False)
class TakenPrompts:
    """Prompts that were taken from a layer, or are still there and to be copied.

    Parameters
    ----------
    layer
        Where they were.
    data
        Coordinates of each: (N, D) vertices of a shape, (D,) of a point.
    kinds
        Shape type of each; empty for points.
    features
        Their rows of the features table.
    """

    layer: PromptLayer
    data: list[npt.NDArray[Any]]
    kinds: list[str]
    features: pd.DataFrame


def prompts_at(layer: PromptLayer, rows: Sequence[int]) -> TakenPrompts:
    """Return prompts of a layer, which stay there."""
    kinds = [str(layer.shape_type[row]) for row in rows] if hasattr(layer, "shape_type") else []
    return TakenPrompts(
        layer,
        [np.array(layer.data[row]) for row in rows],
        kinds,
        layer.features.iloc[list(rows)].reset_index(drop=True),
    )


def take_prompts(layer: PromptLayer, rows: Sequence[int]) -> TakenPrompts:
    """Remove prompts from a layer and return them."""
    taken = prompts_at(layer, rows)
    layer.remove(list(rows))
    return taken


def put_back(taken: TakenPrompts) -> None:
    """Add prompts that were taken to their layer again, with their features."""
    layer = taken.layer
    if not taken.data:
        return
    defaults = layer.feature_defaults
    if taken.kinds:
        layer.add(taken.data, shape_type=taken.kinds)
    else:
        layer.add(np.array(taken.data))
    features = layer.features.copy()
    new = features.index[-len(taken.data) :]
    for name in features.columns.intersection(taken.features.columns):
        features.loc[new, name] = taken.features[name].to_numpy()
    layer.features = features
    layer.feature_defaults = defaults


def take_again(taken: TakenPrompts) -> TakenPrompts:
    """Remove prompts that were put back; those that were moved since stay."""
    layer = taken.layer
    rows: list[int] = []
    for vertices in taken.data:
        same = (row for row in range(len(layer.data)) if np.array_equal(layer.data[row], vertices))
        rows += [row for row in same if row not in rows][:1]
    return take_prompts(layer, rows)


def moved_to(layer: PromptLayer, taken: TakenPrompts, image: Image, plane: Plane) -> TakenPrompts:
    """Return prompts as prompts of a layer, at the same rows and columns of a B-scan."""

    def move(vertices: npt.NDArray[Any]) -> npt.NDArray[Any]:
        pixels = to_image_pixels(np.atleast_2d(vertices), taken.layer, image, plane)
        pixels[:, list(plane.others)] = plane.index
        moved = np.array([layer.world_to_data(image.data_to_world(p)) for p in pixels])
        return moved.reshape(*np.shape(vertices)[:-1], layer.ndim)

    return replace(taken, layer=layer, data=[move(vertices) for vertices in taken.data])
