"""Writing predictions into labels layers and taking prompts away, each so that it can be undone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType

import numpy as np
import numpy.typing as npt

from napari_octsam.core.errors import UserError
from napari_octsam.core.masks import Overlap, merge
from napari_octsam.gui.layers.bscans import Plane, to_image_pixels

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Image, Labels

    from napari_octsam.gui.layers.prompt_layers import PromptLayer

__all__ = [
    "Place",
    "Step",
    "TakenPrompts",
    "Written",
    "moved_to",
    "put_back",
    "take_prompts",
    "undo_write",
    "write",
]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Pixels of a labels layer that a commit changed.

    Parameters
    ----------
    labels
        The layer.
    indices
        One array for each of its axes.
    before, after
        Values of these pixels.
    """

    labels: Labels
    indices: tuple[npt.NDArray[np.intp], ...]
    before: npt.NDArray[np.integer]
    after: npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class TakenPrompts:
    """Prompts that were taken from a layer.

    Parameters
    ----------
    layer
        Where they were.
    data
        Coordinates of each.
    kinds
        Shape type of each; empty for points.
    features
        Their rows of the features table.
    """

    layer: PromptLayer
    data: list[npt.NDArray[Any]]
    kinds: list[str]
    features: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A B-scan of an image, which is not kept alive."""

    image: ReferenceType[Image]
    plane: Plane


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one commit, or one clearing of prompts (`written` None), did.

    Parameters
    ----------
    place
        Where; None where it was on all B-scans.
    """

    written: Written | None
    taken: tuple[TakenPrompts, ...]
    place: Place | None = None


def write(
    labels: Labels,
    plane: Plane,
    predicted: npt.NDArray[np.uint8],
    overlap: Overlap,
    replaceable: Collection[int] = (),
) -> Written | None:
    """Write a predicted B-scan into a labels layer, as one undo step of the layer.

    Parameters
    ----------
    predicted
        (H, W) from `core.masks.composite`, rows and columns as `plane` has them.
    overlap, replaceable
        What may be overwritten. Where the layer preserves labels, only unlabelled pixels.

    Returns
    -------
    What was changed, or None where nothing was.

    Raises
    ------
    UserError
        The layer is locked, or its array cannot be written to.
    """
    _check_writable(labels)
    labels.visible = True  # napari writes into what it shows, and a commit out of sight looks lost
    current = plane.oriented(np.asarray(labels.data[plane.selector]))
    allowed = Overlap.KEEP if labels.preserve_labels else overlap
    rows, cols = np.nonzero(merge(current, predicted, allowed, replaceable))
    if not rows.size:
        return None
    indices = plane.indices(rows, cols)
    before, after = current[rows, cols], predicted[rows, cols].astype(labels.data.dtype)
    with labels.block_history():
        labels.data_setitem(indices, after)
    return Written(labels, indices, before, after)


def undo_write(written: Written) -> None:
    """Undo a commit by the layer's own undo, unless the person has done so already.

    Raises
    ------
    UserError
        The last step of the layer is not the commit: somebody has painted since.
    """
    if _has(written, written.before):
        return
    written.labels.visible = True
    written.labels.undo()
    if not _has(written, written.before):
        written.labels.redo()
        raise UserError(
            f"{written.labels.name} was painted on after the commit: undo that first (Ctrl-Z)."
        )


def take_prompts(layer: PromptLayer, rows: Sequence[int]) -> TakenPrompts:
    """Remove prompts from a layer and return them."""
    kinds = [str(layer.shape_type[row]) for row in rows] if hasattr(layer, "shape_type") else []
    taken = TakenPrompts(
        layer,
        [np.array(layer.data[row]) for row in rows],
        kinds,
        layer.features.iloc[list(rows)].reset_index(drop=True),
    )
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


def moved_to(layer: PromptLayer, taken: TakenPrompts, image: Image, plane: Plane) -> TakenPrompts:
    """Return prompts of one layer as prompts of another, at the same pixels of an image."""

    def move(vertices: npt.NDArray[Any]) -> npt.NDArray[Any]:
        pixels = to_image_pixels(np.atleast_2d(vertices), taken.layer, image, plane)
        moved = np.array([layer.world_to_data(image.data_to_world(p)) for p in pixels])
        return moved.reshape(*np.shape(vertices)[:-1], layer.ndim)

    return replace(taken, layer=layer, data=[move(vertices) for vertices in taken.data])


def _has(written: Written, values: npt.NDArray[np.integer]) -> bool:
    return bool(np.array_equal(written.labels.data[written.indices], values))


def _check_writable(labels: Labels) -> None:
    if not labels.editable:
        raise UserError(f"{labels.name} cannot be edited now: choose another labels layer.")
    is_lazy = hasattr(labels.data, "compute")  # dask
    writeable = getattr(getattr(labels.data, "flags", None), "writeable", True)
    if labels.multiscale or is_lazy or not writeable:
        raise UserError(f"{labels.name} cannot be written to: choose another labels layer.")
