"""What weights of octsam-tiny are asked on B-scans that they never saw, and what is aimed at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.core.regions import pieces
from napari_octsam.data.pairs import LabelledBScan, read_pairs
from napari_octsam.evaluation.prompting import class_prompt
from napari_octsam.phantoms.bscan import Finding, Tissue
from recipes.octsam_tiny.lesions import CLASS_OF, LESION_NAMES, is_held_out
from recipes.octsam_tiny.sources import VALIDATION_SUBJECT

__all__ = ["AIMS", "BAND", "Asked", "Question", "masked_bscans", "questions_of"]

_SMALLEST = 20  # pixels of a lesion
_EVERY = 8  # of the masked B-scans of the eye with drusen
_CLICKED = (1, 3)  # lesions that a click asks for: cysts and drusen
BAND = (Tissue.RETINAL_PIGMENT_EPITHELIUM, Finding.PIGMENT_EPITHELIAL_DETACHMENT)
"""Classes of `oct14` from the RPE's upper border to Bruch's membrane."""

AIMS = MappingProxyType(
    {
        "layers, tight box": 0.915,
        "layers, box 8 px loose": 0.90,
        "layers, box 8 px loose, class untold": 0.88,
        "layers, one point": 0.905,
        "layers, names": 0.91,
        "intraretinal fluid, tight box": 0.85,
        "intraretinal fluid, one point": 0.75,
        "subretinal fluid, tight box": 0.86,
        "drusen, tight box": 0.87,
        "drusen, one point": 0.75,
        "subretinal hyperreflective material, tight box": 0.80,
        "lamellar hole, tight box": 0.80,
        "RPE with drusen, tight box": 0.80,
        "RPE with drusen, names": 0.75,
    }
)
"""Title of a question -> the mean Dice that was aimed at."""


class Question(NamedTuple):
    """A mask to find: by a prompt or, without one, as the pixels named as one of `classes`."""

    title: str
    truth: Mask
    prompt: Prompt | None = None
    classes: tuple[int, ...] = ()


class Asked(NamedTuple):
    """An (H, W) uint8 B-scan of a patient, and what is asked of it, by the classes of a schema."""

    patient: str
    image: npt.NDArray[np.uint8]
    schema: str
    questions: list[Question]


def questions_of(data: Path) -> Iterator[Asked]:
    """Yield each B-scan that judges: healthy layers, real lesions, and an eye with drusen."""
    for bscan in read_pairs(data / "octrima", VALIDATION_SUBJECT):
        yield Asked("octrima", bscan.image, "layers7", list(_of_layers(bscan)))
    for bscan in read_pairs(data / "lesions"):
        if is_held_out(bscan.name):
            patient = bscan.name.split("_")[0]
            yield Asked(patient, bscan.image, "oct14", list(_of_lesions(bscan)))
    for bscan in masked_bscans(data):
        yield Asked("amd_volume", bscan.image, "oct14", list(_of_drusen(bscan.labels == 1)))


def masked_bscans(data: Path) -> Iterator[LabelledBScan]:
    """Yield every eighth of the masked B-scans of the eye with drusen; 1 is the band of `BAND`."""
    for path in sorted((data / "amd_volume" / "masks").iterdir())[::_EVERY]:
        yield from read_pairs(data / "amd_volume", path.stem)


def _of_layers(bscan: LabelledBScan) -> Iterator[Question]:
    for value in range(1, 8):
        truth = bscan.labels == value
        if truth.any():
            loose = class_prompt(truth, value, "box", 8)
            untold = replace(loose, names_class=False)
            yield Question("layers, tight box", truth, class_prompt(truth, value, "box"))
            yield Question("layers, box 8 px loose", truth, loose)
            yield Question("layers, box 8 px loose, class untold", truth, untold)
            yield Question("layers, box 16 px loose", truth, class_prompt(truth, value, "box", 16))
            yield Question("layers, one point", truth, class_prompt(truth, value, "point"))
            yield Question("layers, names", truth, classes=(value,))


def _of_lesions(bscan: LabelledBScan) -> Iterator[Question]:
    for value, name in LESION_NAMES.items():
        asked = CLASS_OF[value] or 0
        found = [p for p in pieces(bscan.labels == value) if p.sum() >= _SMALLEST]
        for piece in found:
            yield Question(f"{name}, tight box", piece, class_prompt(piece, asked, "box"))
            yield Question(f"{name}, box 4 px loose", piece, class_prompt(piece, asked, "box", 4))
            if value in _CLICKED:
                yield Question(f"{name}, one point", piece, class_prompt(piece, asked, "point"))
        if found and asked:
            yield Question(f"{name}, names", bscan.labels == value, classes=(asked,))


def _of_drusen(truth: Mask) -> Iterator[Question]:
    if truth.any():
        yield Question("RPE with drusen, tight box", truth, class_prompt(truth, BAND[0], "box"))
        loose = class_prompt(truth, BAND[0], "box", 8)
        yield Question("RPE with drusen, box 8 px loose", truth, loose)
        yield Question("RPE with drusen, one point", truth, class_prompt(truth, BAND[0], "point"))
        yield Question("RPE with drusen, names", truth, classes=BAND)
