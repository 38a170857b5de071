"""Real lesions: which classes the drawn ones are, and what a mask says of each pixel.

Most lesions of a B-scan are drawn, not all: "not drawn" is weak evidence that there is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.masks import EIGHT_CONNECTED, Mask
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.phantoms.bscan import Finding
from recipes.octsam_tiny.samples import Sample

__all__ = [
    "CLASS_OF",
    "HELD_OUT_PATIENTS",
    "LESIONS",
    "LESION_NAMES",
    "by_lesion",
    "is_held_out",
    "lesion_sample",
]

LESIONS = "lesions"
"""Name of the map of drawn lesions, beside those of the schemas; 0 is not drawn."""

CLASS_OF = MappingProxyType(
    {
        1: Finding.INTRARETINAL_FLUID,
        2: Finding.SUBRETINAL_FLUID,
        3: Finding.PIGMENT_EPITHELIAL_DETACHMENT,
        4: Finding.SUBRETINAL_HYPERREFLECTIVE_MATERIAL,
        5: Finding.POSTERIOR_HYALOID_MEMBRANE,
        6: None,
    }
)
"""Class of `oct14` of each value of the masks; a lamellar hole has none."""

LESION_NAMES = MappingProxyType(
    {
        1: "intraretinal fluid",
        2: "subretinal fluid",
        3: "drusen",
        4: "subretinal hyperreflective material",
        5: "posterior hyaloid membrane",
        6: "lamellar hole",
    }
)

HELD_OUT_PATIENTS = "lesions, patients whose number ends in 0 or 5"
"""Who only judges."""

_WHITE = 245  # grey level from which a large piece in a corner is padding, JPEG noise included
_LEAST_PADDING = 100  # pixels


def is_held_out(name: str) -> bool:
    """Whether a B-scan, PATIENT_DIAGNOSIS_NUMBER, is of a patient that only judges."""
    return name.split("_")[0].endswith(("0", "5"))


def lesion_sample(pair: LabelledBScan) -> Sample:
    """Take a B-scan with its drawn lesions, and what they say of the 14 classes.

    White padding is `IMAGE_PADDING`; all else that is not drawn is not labelled.
    """
    classes = np.full_like(pair.labels, NOT_LABELLED)
    classes[_white_padding(pair.image)] = Finding.IMAGE_PADDING
    for value, finding in CLASS_OF.items():
        if finding is not None:
            classes[pair.labels == value] = finding
    return Sample(pair.name, pair.image, {LESIONS: pair.labels, "oct14": classes})


def by_lesion(samples: Sequence[Sample]) -> list[tuple[float, list[Sample]]]:
    """Return, for each lesion, a weight and the samples that show it.

    The weights add up to 1. They go with the root of how many patients show it: what is rare is
    drawn more often than it comes, but not as often as to be learnt by heart.
    """
    showing: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        for value in np.unique(sample.maps[LESIONS]):
            if value:
                showing[int(value)].append(sample)
    roots = {
        value: len({sample.name.split("_")[0] for sample in found}) ** 0.5
        for value, found in sorted(showing.items())
    }
    return [(root / sum(roots.values()), showing[value]) for value, root in roots.items()]


def _white_padding(image: npt.NDArray[np.uint8]) -> Mask:
    """Return where a B-scan leaves white in the corners, (H, W): a bright layer ends elsewhere."""
    numbers, _ = ndimage.label(image >= _WHITE, EIGHT_CONNECTED)
    sizes = np.bincount(numbers.ravel())
    corners = np.unique(numbers[[0, 0, -1, -1], [0, -1, 0, -1]])
    large = [number for number in corners if number and sizes[number] >= _LEAST_PADDING]
    return np.isin(numbers, large)
