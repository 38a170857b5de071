"""Preprocessing: what each kind of checkpoint expects to see of a B-scan."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from napari_octsam.core.config import Pseudocolor
from napari_octsam.core.pseudocolor import colored
from napari_octsam.models.architectures import profiles

__all__ = ["preprocess"]


def preprocess(
    grey: npt.NDArray[np.uint8],
    profile: str,
    input_size: tuple[int, int],
    pseudocolor: Pseudocolor = "grayscale",
    *,
    blue_first: bool = False,
) -> torch.Tensor:
    """Return an (H, W) uint8 B-scan as the input of a network, (1, C, *input_size) float32.

    A colour map is put on before all else; its red is channel 0, or its blue.

    Parameters
    ----------
    profile
        Name of one of `architectures.profiles`, which says the rest.
    """
    image = grey if pseudocolor == "grayscale" else colored(grey, pseudocolor)
    if blue_first and image.ndim == 3:
        image = np.ascontiguousarray(image[..., ::-1])
    return profiles()[profile].preprocess(image, input_size)
