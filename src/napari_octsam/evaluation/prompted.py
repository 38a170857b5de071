"""How well a promptable model finds each class when it is prompted for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import NOT_LABELLED, LabelSchema
from napari_octsam.core.decoded import DecodedObject
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.judging import JudgedMask, judge_absent, judge_mask
from napari_octsam.evaluation.metrics import measure_calibration
from napari_octsam.evaluation.prompting import Prompting, ask
from napari_octsam.models.model import Model
from napari_octsam.models.network import Embedding

__all__ = ["Encode", "FoundClasses", "find_classes", "judge_model"]

Encode = Callable[[npt.NDArray[np.uint8]], Embedding]
"""Makes the embedding of an (H, W) B-scan, or has it."""

_ONE_BOX = Prompting()


class FoundClasses(NamedTuple):
    """What was decoded for each class that a B-scan shows, by label value."""

    bscan: LabelledBScan
    objects: dict[int, DecodedObject]
    embedding: Embedding


def find_classes(
    model: Model,
    bscans: Iterable[LabelledBScan],
    schema: LabelSchema,
    prompting: Prompting = _ONE_BOX,
    encode: Encode | None = None,
    *,
    background: bool = False,
) -> Iterator[FoundClasses]:
    """Prompt the model for each class that a B-scan shows.

    Pictures that follow each other and are the same array are encoded once.

    Parameters
    ----------
    encode
        The model's own where it is not given.
    background
        Whether the background is a class to ask for.
    """
    image, embedding = None, None
    for bscan in bscans:
        if embedding is None or bscan.image is not image:
            image, embedding = bscan.image, (encode or model.encode)(bscan.image)
        truths = {c.value: bscan.labels == c.value for c in schema.asked(background=background)}
        shown = {value: truth for value, truth in truths.items() if truth.any()}
        ignored = bscan.labels == NOT_LABELLED
        objects = ask(model, embedding, shown, schema, prompting, ignored)
        yield FoundClasses(bscan, objects, embedding)


def judge_model(
    model: Model,
    bscans: Iterable[LabelledBScan],
    schema: LabelSchema,
    prompting: Prompting = _ONE_BOX,
    axial_um: float | None = None,
    encode: Encode | None = None,
    *,
    background: bool = False,
) -> Iterator[JudgedMask]:
    """Prompt the model for each class present in each B-scan, and judge its mask.

    Every class that is asked for comes for every B-scan, in the order of the schema; one that is
    not there gets no prompt.

    Parameters
    ----------
    axial_um
        µm per pixel along the A-scan; None where it is not known.
    encode, background
        As of `find_classes`.
    """
    found = find_classes(model, bscans, schema, prompting, encode, background=background)
    for bscan, objects, _ in found:
        for label in schema.asked(background=background):
            if label.value in objects:
                yield _judged(bscan, label.value, objects[label.value], axial_um)
            else:
                yield judge_absent(bscan, label.value)


def _judged(
    bscan: LabelledBScan, class_value: int, found: DecodedObject, axial_um: float | None
) -> JudgedMask:
    judged = judge_mask(bscan, class_value, found.window(), axial_um)
    counted = bscan.labels != NOT_LABELLED
    return replace(judged, calibration=measure_calibration(found, judged.truth, counted))
