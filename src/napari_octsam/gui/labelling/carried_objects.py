"""Which objects of a B-scan can be carried on: what is predicted, or a class as labelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_octsam.core.carrying import CarriedObject, labelled_objects
from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.gui.labelling.carrying_on import Start

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_octsam.gui.layers.bscans import Plane
    from napari_octsam.gui.prompting.prompter import Prompter

__all__ = ["classes_on", "labelled_start", "prompted_start"]


def prompted_start(prompter: Prompter | None, image: Image, plane: Plane) -> Start | None:
    """Return the objects whose masks are shown on a B-scan; None where none are."""
    predicted = None if prompter is None or not prompter.is_current else prompter.predicted
    if prompter is None or predicted is None or predicted.image is not image:
        return None
    if not predicted.plane.is_bscan or predicted.plane.index != plane.index:
        return None
    objects = []
    for placed, decoded in predicted.objects:
        mask = decoded.window(placed.candidate).mask(predicted.prediction.shape, prompter.threshold)
        if mask.any():
            prompt, mask = placed.prompt, predicted.plane.oriented(mask)
            objects.append(CarriedObject(prompt.class_value, mask, prompt.names_class))
    return Start(image, plane, tuple(objects), prompter.threshold) if objects else None


def labelled_start(
    labels: npt.NDArray[np.integer], value: int, image: Image, plane: Plane
) -> Start:
    """Return the pieces of a class on a B-scan with (H, W) labels; perhaps none."""
    return Start(image, plane, labelled_objects(labels, value))


def classes_on(labels: npt.NDArray[np.integer]) -> list[int]:
    """Return which of the values 1 to 254 an (H, W) B-scan has."""
    counts = np.bincount(labels.ravel(), minlength=NOT_LABELLED)
    return [int(value) for value in np.flatnonzero(counts[1:NOT_LABELLED]) + 1]
