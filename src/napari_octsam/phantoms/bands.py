"""What lies above what in a phantom: bands from the vitreous to the choroid, and their labels."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

__all__ = ["BAND_TO_LABEL", "BAND_TO_LAYER", "Band", "Finding", "Tissue", "band_map"]


class Finding(IntEnum):
    """What a phantom can show besides a healthy retina; the value is its class in `oct14`."""

    EPIRETINAL_MEMBRANE = 1
    INTRARETINAL_FLUID = 3
    SUBRETINAL_FLUID = 4
    SUBRETINAL_HYPERREFLECTIVE_MATERIAL = 5
    PIGMENT_EPITHELIAL_DETACHMENT = 7
    POSTERIOR_HYALOID_MEMBRANE = 8
    CHOROID_BORDER = 9
    IMAGING_ARTIFACT = 10
    FIBROSIS = 11
    IMAGE_PADDING = 13


class Tissue(IntEnum):
    """What every phantom shows; the value is its class in `oct14`."""

    NEUROSENSORY_RETINA = 2
    RETINAL_PIGMENT_EPITHELIUM = 6
    VITREOUS_BODY = 12


class Band(IntEnum):
    """Bands of an A-scan, top to bottom; band k lies between the interfaces k - 1 and k.

    Bands of pathology have zero height where there is none.
    """

    VITREOUS = 0
    RNFL = 1
    GCL_IPL = 2
    INL = 3
    OPL = 4
    ONL_IS = 5
    OS = 6
    SUBRETINAL_FLUID = 7
    SUBRETINAL_MATERIAL = 8
    FIBROSIS = 9
    RPE = 10
    BELOW_RPE = 11
    CHOROID = 12
    CYST = 13
    """Not in the order: a pocket inside the retina, drawn over the bands."""


BAND_TO_LABEL = np.array([12, 2, 2, 2, 2, 2, 2, 4, 5, 11, 6, 7, 0, 3], np.uint8)
"""Class of each band in the schema `oct14`."""

BAND_TO_LAYER = np.array([0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 7, 0, 0, 0], np.uint8)
"""Class of each band in the schema `layers7`."""


def band_map(interfaces: NDArray[np.floating], height: int) -> NDArray[np.uint8]:
    """Return the band of each pixel, (height, W), from interface rows (12, W).

    A band covers the rows from round(upper interface) to round(lower interface) - 1.
    """
    rows = np.arange(height, dtype=np.int16)[:, None]
    bands = np.zeros((height, interfaces.shape[1]), np.uint8)
    for interface in np.rint(interfaces).astype(np.int16):
        bands += rows >= interface
    return bands
