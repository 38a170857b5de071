"""Judge weights of octsam-tiny side by side: `python -m recipes.octsam_tiny.judge DATA FILE ...`.

On B-scans that they never saw: healthy layers, real lesions, and an eye with drusen.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.markdown import grid
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.masks import Mask
from napari_octsam.core.prompts import Prompt
from napari_octsam.core.regions import pieces
from napari_octsam.data.pairs import LabelledBScan, read_pairs
from napari_octsam.evaluation.metrics.counts import count_pixels, dice
from napari_octsam.evaluation.prompting import class_prompt
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.phantoms.bscan import Finding, Tissue
from recipes.octsam_tiny.lesions import CLASS_OF, LESION_NAMES, is_held_out
from recipes.octsam_tiny.sources import VALIDATION_SUBJECT
from recipes.octsam_tiny.teacher import named_probabilities

__all__ = ["Judged", "as_table", "judge", "questions_of"]

_SMALLEST = 20  # pixels of a lesion
_EVERY = 8  # of the masked B-scans of the eye with drusen
_CLICKED = (1, 3)  # lesions that a click asks for: cysts and drusen
_BAND = (Tissue.RETINAL_PIGMENT_EPITHELIUM, Finding.PIGMENT_EPITHELIAL_DETACHMENT)


class Question(NamedTuple):
    """A mask to find: by a prompt or, without one, as the pixels named as one of `classes`."""

    title: str
    truth: Mask
    prompt: Prompt | None = None
    classes: tuple[int, ...] = ()


class Asked(NamedTuple):
    """An (H, W) uint8 B-scan and what is asked of it, by the classes of a schema."""

    image: npt.NDArray[np.uint8]
    schema: str
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Judged:
    """How well a question was answered; the error of the predicted IoU is None for names."""

    dice: float
    iou_error: float | None


def questions_of(data: Path) -> Iterator[Asked]:
    """Yield each B-scan that judges."""
    for bscan in read_pairs(data / "octrima", VALIDATION_SUBJECT):
        yield Asked(bscan.image, "layers7", list(_of_layers(bscan)))
    for bscan in read_pairs(data / "lesions"):
        if is_held_out(bscan.name):
            yield Asked(bscan.image, "oct14", list(_of_lesions(bscan)))
    masked = sorted((data / "amd_volume" / "masks").iterdir())
    for path in masked[::_EVERY]:
        (bscan,) = read_pairs(data / "amd_volume", path.stem)
        yield Asked(bscan.image, "oct14", list(_of_drusen(bscan.labels == 1)))


def judge(model: Model, asked: Asked) -> Iterator[tuple[str, Judged]]:
    """Ask a model all questions about a B-scan; yield the title of each and how it went."""
    embedding = model.encode(asked.image)
    prompted = [each for each in asked.questions if each.prompt is not None]
    prompts = [each.prompt for each in prompted if each.prompt is not None]
    decoded = model.decode(embedding, prompts, bundled_schema(asked.schema))
    for each, found in zip(prompted, decoded, strict=True):
        counts = count_pixels(found.window().mask(embedding.shape), each.truth)
        yield each.title, Judged(counts.dice, abs(found.scores[found.chosen] - counts.iou))
    if len(prompted) == len(asked.questions):
        return
    named = _named(model, asked)
    for each in asked.questions:
        if each.prompt is None:
            yield each.title, Judged(dice(np.isin(named, each.classes), each.truth), None)


def _of_layers(bscan: LabelledBScan) -> Iterator[Question]:
    for value in range(1, 8):
        truth = bscan.labels == value
        if truth.any():
            yield Question("layers, tight box", truth, class_prompt(truth, value, "box"))
            yield Question("layers, box 8 px loose", truth, class_prompt(truth, value, "box", 8))
            yield Question("layers, one point", truth, class_prompt(truth, value, "point"))
            yield Question("layers, names", truth, classes=(value,))


def _of_lesions(bscan: LabelledBScan) -> Iterator[Question]:
    for value, name in LESION_NAMES.items():
        for piece in pieces(bscan.labels == value):
            if piece.sum() < _SMALLEST:
                continue
            asked = CLASS_OF[value] or 0
            yield Question(f"{name}, tight box", piece, class_prompt(piece, asked, "box"))
            yield Question(f"{name}, box 4 px loose", piece, class_prompt(piece, asked, "box", 4))
            if value in _CLICKED:
                yield Question(f"{name}, one point", piece, class_prompt(piece, asked, "point"))


def _of_drusen(truth: Mask) -> Iterator[Question]:
    if truth.any():
        yield Question("RPE with drusen, tight box", truth, class_prompt(truth, _BAND[0], "box"))
        yield Question("RPE with drusen, names", truth, classes=_BAND)


def _named(model: Model, asked: Asked) -> npt.NDArray[np.int64]:
    """Return the (H, W) class that the model names each pixel, without any prompt."""
    found = named_probabilities(model, asked.image, (asked.schema,))
    return np.asarray(found[asked.schema].argmax(0))


def as_table(judged: dict[str, dict[str, list[Judged]]]) -> str:
    """Return the mean Dice of each question, and the error of the predicted IoU, by weights."""
    rows = []
    for title in next(iter(judged.values())):
        cells = [title, str(len(next(iter(judged.values()))[title]))]
        for found in judged.values():
            errors = [each.iou_error for each in found[title] if each.iou_error is not None]
            cells.append(f"{np.mean([each.dice for each in found[title]]):.3f}")
            cells.append(f"{np.mean(errors):.3f}" if errors else "")
        rows.append(cells)
    heads = [head for name in judged for head in (f"{name}: Dice", "IoU off by")]
    return grid(["asked for", "objects", *heads], rows)


def main(arguments: list[str]) -> None:
    """Judge each of the weights and print a table."""
    if len(arguments) < 2:
        sys.exit(__doc__)
    data, *files = map(Path, arguments)
    judged: dict[str, dict[str, list[Judged]]] = {}
    for file in files:
        model = load_model(file, device="cpu", precision="float32")
        found: dict[str, list[Judged]] = defaultdict(list)
        for asked in questions_of(data):
            for title, each in judge(model, asked):
                found[title].append(each)
        judged[file.stem] = dict(found)
    print(as_table(judged))


if __name__ == "__main__":
    main(sys.argv[1:])
