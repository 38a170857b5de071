"""Image layers show what their files mean, also where napari's own reader takes no notice of that.

What a person sees is what a model is given, so that both would be a negative.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

__all__ = ["show_as_meant"]

_BUILTIN = "napari"


def show_as_meant(viewer: Viewer) -> None:
    """Correct the pictures of a viewer, and those that are opened later, and tell the person."""
    for layer in viewer.layers:
        _correct(layer)
    viewer.layers.events.inserted.connect(_on_inserted)


def _on_inserted(event: Any) -> None:
    _correct(event.value)


def _correct(layer: Layer) -> None:
    from napari.layers import Image
    from napari.utils.notifications import show_info, show_warning

    from napari_octsam.data.misread import as_meant  # late: most pictures need it not

    source = layer.source
    if not isinstance(layer, Image) or source.path is None or source.reader_plugin != _BUILTIN:
        return
    if layer.multiscale or not isinstance(layer.data, np.ndarray):
        return
    try:
        meant = as_meant(Path(source.path), layer.data)
    except UserError as error:
        show_warning(f"{layer.name} is not shown as its file means it. {error}")
        return
    if meant is not None:
        layer.data = meant.pixels
        layer.reset_contrast_limits_range()
        layer.reset_contrast_limits()
        show_info(f"{layer.name} is shown as its file means it: {meant.why}.")
