"""Judge weights of octsam-tiny side by side: `python -m recipes.octsam_tiny.judge DATA MODEL ...`.

A model is `octsam-tiny`, `octsam-tiny-4` (the version before) or a file. The B-scans are some that
none of them saw: healthy layers, real lesions, and an eye with drusen.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.markdown import grid
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.masks import Mask
from napari_octsam.evaluation.metrics.counts import count_pixels
from napari_octsam.models.model import Model
from recipes.octsam_tiny.beginning import model_of
from recipes.octsam_tiny.questions import AIMS, Asked, Question, questions_of
from recipes.octsam_tiny.rivals.classical import Open, boxed, whole_box
from recipes.octsam_tiny.teacher import named_probabilities

__all__ = ["Answers", "Judged", "as_table", "by_title", "judge", "judge_boxes"]


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


def judge_boxes(opened: Open, asked: Asked) -> Answers:
    """Ask what makes masks of boxes all questions that have one."""
    find = opened(asked.image, bundled_schema(asked.schema))
    for each in asked.questions:
        if each.prompt is not None and each.prompt.box is not None:
            yield each.title, _judged(find(each.prompt.class_value, each.prompt.box), each)


def by_title(answers: Iterable[tuple[str, Judged]]) -> dict[str, list[Judged]]:
    """Return all answers to each question."""
    found: defaultdict[str, list[Judged]] = defaultdict(list)
    for title, each in answers:
        found[title].append(each)
    return dict(found)


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
    asked = list(questions_of(Path(data)))
    judged = {}
    for name in names:
        model = model_of(name)
        judged[Path(name).stem] = by_title(a for each in asked for a in judge(model, each))
    boxes = by_title(a for each in asked for a in judge_boxes(boxed(whole_box), each))
    print(as_table(judged, boxes), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
