"""napari opens and saves annotations: by drag and drop, and from its File menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_octsam.core.errors import UserError
from napari_octsam.data.annotations.folder import is_annotation
from napari_octsam.gui.annotations.keeper import keeper_of
from napari_octsam.gui.annotations.opening import labels_layer

__all__ = ["get_reader", "write_labels"]

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return what reads annotations, where every path is one."""
    paths = [path] if isinstance(path, str) else path
    return _read if all(is_annotation(Path(each)) for each in paths) else None


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a labels layer as an annotation, and go on in that folder.

    Raises
    ------
    UserError
        The layer is none that is kept, there is something of that name, or the disk is full.
    """
    from napari import current_viewer

    viewer = current_viewer()
    kept = [] if viewer is None else keeper_of(viewer).kept
    chosen = next((each for each in kept if each.labels.data is data), None)
    if chosen is None:
        raise UserError(
            f"{attributes.get('name', 'The layer')} is no labels layer that can be kept: labels "
            "must be in memory, and at one resolution."
        )
    chosen.place(Path(path)).result()
    return [path]


def _read(path: str | list[str]) -> list[LayerData]:
    from napari import current_viewer

    paths = [path] if isinstance(path, str) else path
    viewer = current_viewer()
    if viewer is not None:
        keeper_of(viewer)  # it brings the image and the prompts once the labels are there
    return [labels_layer(Path(each)) for each in paths]
