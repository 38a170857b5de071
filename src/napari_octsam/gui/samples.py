"""Sample data for napari's File menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octsam.core.classes import bundled_schema
from napari_octsam.gui.layers.layer_schema import described

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

__all__ = ["phantom", "phantom_volume"]

VOLUME_BSCANS = 5


def phantom() -> list[tuple[Any, ...]]:
    """Return the demo phantom and its true labels as layer data."""
    from napari_octsam.phantoms.bscan import demo_phantom

    made = demo_phantom()
    return _layers(made.image, made.labels, "phantom")


def phantom_volume() -> list[tuple[Any, ...]]:
    """Return a small volume of phantoms and its true labels as layer data."""
    from napari_octsam.phantoms.bscan import make_phantom

    made = [make_phantom(seed, shape=(248, 384)) for seed in range(VOLUME_BSCANS)]
    image, labels = np.stack([p.image for p in made]), np.stack([p.labels for p in made])
    return _layers(image, labels, "phantoms")


def _layers(
    image: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], name: str
) -> list[tuple[Any, ...]]:
    truth = {
        "name": f"{name} truth",
        "opacity": 0.5,
        "visible": False,
        **described(bundled_schema("oct14")),
    }
    shown = {"name": name, "colormap": "gray", "contrast_limits": (0, 255)}
    return [(image, shown, "image"), (labels, truth, "labels")]
