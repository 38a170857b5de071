"""Which labels layers of a viewer belong to which image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octsam.gui.layers.bscans import line_up

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image, Labels

    from napari_octsam.gui.layers.companions import Companions

__all__ = [
    "CARRIED_NAME",
    "CONFIDENCE_NAME",
    "OURS",
    "PREVIEW_NAME",
    "LabelledImage",
    "above_labels",
    "labelled_images",
    "labels_of",
]

PREVIEW_NAME = "octsam preview"
"""Name of the labels layer that shows predictions, and belongs to no image."""
CONFIDENCE_NAME = "octsam doubt"
"""Name of the one that shows where a model is unsure."""
CARRIED_NAME = "octsam carried on"
"""Name of the one that shows what objects were carried on to."""
OURS = (PREVIEW_NAME, CONFIDENCE_NAME, CARRIED_NAME)
"""Names of labels layers that are no person's."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """An image layer and a labels layer that belongs to it."""

    image: Image
    labels: Labels


def labelled_images(layers: LayerList, companions: Companions) -> list[LabelledImage]:
    """Return every labels layer with its image.

    The image is one that lies under the labels pixel for pixel: that which they were used with,
    else that of the same name, else the only one.
    """
    from napari.layers import Image, Labels

    images = [layer for layer in layers if isinstance(layer, Image)]
    found = []
    for labels in (layer for layer in layers if isinstance(layer, Labels)):
        if labels.name in OURS:
            continue
        image = _image_of(labels, images, layers, companions)
        if image is not None:
            found.append(LabelledImage(image, labels))
    return found


def labels_of(image: Image, layers: LayerList, companions: Companions) -> list[Labels]:
    """Return the labels layers that belong to an image, the lowest first."""
    return [pair.labels for pair in labelled_images(layers, companions) if pair.image is image]


def above_labels(image: Image, layers: LayerList, companions: Companions) -> int:
    """Return where a new labels layer of an image goes: above the image and its older labels."""
    below = [image, *labels_of(image, layers, companions)]
    return int(max(layers.index(layer) for layer in below)) + 1


def _image_of(
    labels: Labels, images: Sequence[Image], layers: LayerList, companions: Companions
) -> Image | None:
    fitting = [image for image in images if line_up(image, labels)]
    for image in fitting:
        if companions.labels.get(image, layers) is labels:
            return image
    for image in fitting:
        if companions.labels.is_of(image, labels):
            return image
    named = [image for image in fitting if labels.name.startswith(image.name)]
    if named:
        return max(named, key=lambda image: len(image.name))
    return fitting[0] if len(fitting) == 1 else None
