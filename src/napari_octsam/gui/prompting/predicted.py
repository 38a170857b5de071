"""A prediction for one B-scan, with the prompts that it was made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.masks import composite
from napari_octsam.engine.predict.messages import Prediction
from napari_octsam.gui.layers.bscans import Plane
from napari_octsam.gui.prompting.collect import PlacedPrompt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from napari.layers import Image

__all__ = ["AUTOMATIC", "Predicted"]

AUTOMATIC = 0
"""The candidate that stands for the model's own choice."""


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """A prediction and what it was made from."""

    image: Image
    plane: Plane
    placed: tuple[PlacedPrompt, ...]
    prediction: Prediction

    @property
    def objects(self) -> list[tuple[PlacedPrompt, DecodedObject]]:
        """Each prompt with its masks."""
        return list(zip(self.placed, self.prediction.objects, strict=True))

    def labels(self, threshold: float) -> npt.NDArray[np.uint8]:
        """Return the chosen masks of all objects as (H, W) label values.

        Parameters
        ----------
        threshold
            Probability above which a pixel belongs to an object, 0 to 1.
        """
        windows = (
            (placed.prompt.class_value, decoded.window(placed.candidate))
            for placed, decoded in self.objects
        )
        return composite(self.prediction.shape, windows, threshold)

    def choosing(self, chosen: PlacedPrompt, candidate: int) -> Predicted:
        """Return the prediction with another candidate for one of its prompts."""
        placed = (replace(p, candidate=candidate) if p is chosen else p for p in self.placed)
        return replace(self, placed=tuple(placed))
