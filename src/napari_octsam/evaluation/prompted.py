"""How well a promptable model finds each class when it is given one prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.decoded import LogitWindow
from napari_octsam.core.prompts import Point, Prompt, bounding_box
from napari_octsam.core.regions import deepest_pixel
from napari_octsam.evaluation.figures import mean_known
from napari_octsam.evaluation.judging import ClassScore, JudgedMask, judge_absent, judge_mask
from napari_octsam.io.pairs import LabelledBScan
from napari_octsam.models.network import Embedding
from napari_octsam.models.sam import Model

__all__ = [
    "PROMPT_KINDS",
    "Encode",
    "FoundClasses",
    "class_prompt",
    "find_classes",
    "judge_model",
    "score_model",
    "summarise",
]

PROMPT_KINDS = ("box", "point")

Encode = Callable[[npt.NDArray[np.uint8]], Embedding]
"""Makes the embedding of an (H, W) B-scan, or has it."""


class FoundClasses(NamedTuple):
    """Logits of each class that a B-scan shows, by label value."""

    bscan: LabelledBScan
    windows: dict[int, LogitWindow]


def class_prompt(mask: npt.NDArray[np.bool_], class_value: int, kind: str) -> Prompt:
    """Return the prompt for all pixels of a class.

    Parameters
    ----------
    mask
        (H, W) bool, not empty.
    kind
        "box": the tight bounding box; "point": one positive point, as deep in the mask as can be.
    """
    if kind == "box":
        return Prompt(class_value, box=bounding_box(mask))
    row, col = deepest_pixel(mask)
    return Prompt(class_value, points=(Point(float(row), float(col)),))


def find_classes(
    model: Model,
    pairs: Iterable[LabelledBScan],
    schema: LabelSchema,
    kind: str = "box",
    encode: Encode | None = None,
    *,
    background: bool = False,
) -> Iterator[FoundClasses]:
    """Give the model one prompt for each class that a B-scan shows.

    Parameters
    ----------
    kind
        As of `class_prompt`.
    encode
        The model's own where it is not given.
    background
        Whether the background is a class to ask for.
    """
    for pair in pairs:
        truths = {c.value: pair.labels == c.value for c in schema.asked(background=background)}
        asked = [value for value, truth in truths.items() if truth.any()]
        prompts = [class_prompt(truths[value], value, kind) for value in asked]
        decoded = model.decode((encode or model.encode)(pair.image), prompts)
        windows = (each.window() for each in decoded)
        yield FoundClasses(pair, dict(zip(asked, windows, strict=True)))


def judge_model(
    model: Model,
    pairs: Iterable[LabelledBScan],
    schema: LabelSchema,
    kind: str = "box",
    axial_um: float | None = None,
    encode: Encode | None = None,
    *,
    background: bool = False,
) -> Iterator[JudgedMask]:
    """Give the model one prompt for each class present in each B-scan, and judge its mask.

    Every class that is asked for comes for every B-scan, in the order of the schema; one that is
    not there gets no prompt.

    Parameters
    ----------
    kind
        As of `class_prompt`.
    axial_um
        µm per pixel along the A-scan; None where it is not known.
    encode, background
        As of `find_classes`.
    """
    found = find_classes(model, pairs, schema, kind, encode, background=background)
    for pair, windows in found:
        for label in schema.asked(background=background):
            if label.value in windows:
                yield judge_mask(pair, label.value, windows[label.value], axial_um)
            else:
                yield judge_absent(pair, label.value)


def score_model(
    model: Model, pairs: Iterable[LabelledBScan], schema: LabelSchema, kind: str = "box"
) -> list[ClassScore]:
    """Return the scores of the classes that the B-scans show; see `judge_model`."""
    judged = judge_model(model, pairs, schema, kind)
    return [each.score for each in judged if not each.score.counts.absent]


def summarise(scores: Iterable[ClassScore]) -> dict[int, float]:
    """Return the mean Dice of each class over the B-scans that have it."""
    by_class: dict[int, list[float]] = {}
    for score in scores:
        by_class.setdefault(score.class_value, []).append(score.dice)
    return {value: mean_known(by_class[value]) for value in sorted(by_class)}
