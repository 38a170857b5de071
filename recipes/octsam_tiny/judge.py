"""Judge weights of octsam-tiny side by side: `python -m recipes.octsam_tiny.judge DATA MODEL ...`.

A model is `octsam-tiny` or a file. The B-scans are some that none of them saw: healthy layers, real
lesions, and an eye with drusen.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.markdown import grid
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.masks import Mask
from napari_octsam.evaluation.metrics.counts import count_pixels
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from recipes.octsam_tiny.questions import AIMS, Asked, Question, questions_of
from recipes.octsam_tiny.rivals.classical import whole_box
from recipes.octsam_tiny.teacher import named_probabilities

__all__ = ["Judged", "as_table", "judge", "judge_boxes"]


@dataclass(frozen=True, slots=True)
class Judged:
    """How well a question was answered; `predicted`, the IoU that the model expected, if it did."""

    dice: float
    iou: float
    predicted: float | None = None


Answers: TypeAlias = Iterator[tuple[str, Judged]]


def judge(model: Model, asked: Asked) -> Answers:
    """Ask a model all questions about a B-scan; yield the title of each and how it went."""
    embedding = model.encode(asked.image)
    prompts = [each.prompt for each in asked.questions if each.prompt is not None]
    decoded = iter(model.decode(embedding, prompts, bundled_schema(asked.schema)))
    named: npt.NDArray[np.int64] | None = None
    for each in asked.questions:
        if each.prompt is not None:
            found = next(decoded)
            mask = found.window().mask(embedding.shape)
            yield each.title, _judged(mask, each, found.scores[found.chosen])
            continue
        named = _named(model, asked) if named is None else named
        yield each.title, _judged(np.isin(named, each.classes), each)


def judge_boxes(asked: Asked) -> Answers:
    """Take each box as it is for the mask that it asks for: what a box alone tells."""
    for each in asked.questions:
        if each.prompt is not None and each.prompt.box is not None:
            yield each.title, _judged(whole_box(asked.image, each.prompt.box), each)


def _judged(mask: Mask, question: Question, predicted: float | None = None) -> Judged:
    counts = count_pixels(mask, question.truth)
    return Judged(counts.dice, counts.iou, predicted)


def _named(model: Model, asked: Asked) -> npt.NDArray[np.int64]:
    """Return the (H, W) class that the model names each pixel, without any prompt."""
    found = named_probabilities(model, asked.image, (asked.schema,))
    return np.asarray(found[asked.schema].argmax(0))


def as_table(
    judged: Mapping[str, Mapping[str, Sequence[Judged]]], boxes: Mapping[str, Sequence[Judged]]
) -> str:
    """Return the mean Dice of each question and the error of the predicted IoU, by model.

    Parameters
    ----------
    judged
        Model -> title of a question -> how each object went.
    boxes
        The same of the whole boxes.
    """
    first = next(iter(judged.values()))
    rows = []
    for title, objects in first.items():
        aim = f"{AIMS[title]:.3f}" if title in AIMS else ""
        cells = [title, str(len(objects)), _mean_dice(boxes.get(title, ())), aim]
        for found in judged.values():
            cells += [_mean_dice(found[title]), _mean_error(found[title])]
        rows.append(cells)
    heads = [head for name in judged for head in (f"{name}: Dice", "IoU off by")]
    return grid(["asked for", "objects", "whole box", "aim", *heads], rows)


def _mean_dice(judged: Sequence[Judged]) -> str:
    return f"{np.mean([each.dice for each in judged]):.3f}" if judged else ""


def _mean_error(judged: Sequence[Judged]) -> str:
    errors = [abs(each.predicted - each.iou) for each in judged if each.predicted is not None]
    return f"{np.mean(errors):.3f}" if errors else ""


def main(arguments: list[str]) -> None:
    """Judge each of the models and print a table."""
    if len(arguments) < 2:
        sys.exit(__doc__)
    data, *names = arguments
    judged: dict[str, dict[str, list[Judged]]] = {}
    boxes: defaultdict[str, list[Judged]] = defaultdict(list)
    asked = list(questions_of(Path(data)))
    for bscan in asked:
        for title, each in judge_boxes(bscan):
            boxes[title].append(each)
    for name in names:
        model = load_model(name, device="cpu", precision="float32")
        found: defaultdict[str, list[Judged]] = defaultdict(list)
        for bscan in asked:
            for title, each in judge(model, bscan):
                found[title].append(each)
        judged[Path(name).stem] = found
    print(as_table(judged, boxes))


if __name__ == "__main__":
    main(sys.argv[1:])
