"""Pictures of where octsam-tiny fails: of each weak class the middle piece and the worst.

`python -m recipes.octsam_tiny.failures DATA` draws both, of real lesions and of phantoms.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.data.pairs import LabelledBScan, read_pairs
from napari_octsam.evaluation.judging import JudgedMask
from napari_octsam.evaluation.overlays import around, labels_picture
from napari_octsam.evaluation.pieces import pieces_of
from napari_octsam.evaluation.prompted import judge_model
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.phantoms.bscan import make_phantom
from recipes.octsam_tiny.card import CARD, LEAST, SEEDS
from recipes.octsam_tiny.lesions import CLASS_OF, is_held_out

__all__ = ["draw_failures", "draw_real_failures"]

_CLASSES = 4
_IMAGES = CARD.with_name("images")


def draw_failures(target: Path) -> None:
    """Save the weakest classes of phantoms: the B-scan, the truth, and what one tight box gives."""
    _draw_weakest(map(_phantom, SEEDS), target)


def draw_real_failures(data: Path, target: Path) -> None:
    """Save the same of the real lesions of patients who only judge."""
    pairs = [pair for pair in read_pairs(data / "lesions") if is_held_out(pair.name)]
    _draw_weakest(map(_with_lesions, pairs), target)


def _phantom(seed: int) -> LabelledBScan:
    phantom = make_phantom(seed)
    return LabelledBScan(f"phantom {seed}", phantom.image, phantom.labels)


def _with_lesions(pair: LabelledBScan) -> LabelledBScan:
    """Return a B-scan with its lesions as classes of `oct14`, and nothing where none is drawn."""
    labels = np.zeros_like(pair.labels)
    for value, finding in CLASS_OF.items():
        if finding is not None:
            labels[pair.labels == value] = finding
    return LabelledBScan(pair.name, pair.image, labels)


def _draw_weakest(bscans: Iterable[LabelledBScan], target: Path) -> None:
    schema = bundled_schema("oct14")
    by_class: defaultdict[int, list[JudgedMask]] = defaultdict(list)
    pieces = [piece for bscan in bscans for piece in pieces_of(bscan, schema, LEAST)]
    for judged in judge_model(load_model("octsam-tiny", device="cpu"), pieces, schema):
        if judged.truth.any():
            by_class[judged.score.class_value].append(judged)
    weakest = sorted(by_class.values(), key=lambda each: np.mean([j.score.dice for j in each]))
    rows = [judged for each in weakest[:_CLASSES] for judged in _middle_and_worst(each)]
    _draw(rows, schema, target)


def _middle_and_worst(judged: Sequence[JudgedMask]) -> list[JudgedMask]:
    ranked = sorted(judged, key=lambda each: each.score.dice)
    return [ranked[len(ranked) // 2], ranked[0]]


def _draw(rows: Sequence[JudgedMask], schema: LabelSchema, target: Path) -> None:
    figure, axes = plt.subplots(len(rows), 3, figsize=(9, 1.6 * len(rows)), layout="constrained")
    names = {each.value: each.name for each in schema.classes}
    for line, judged in zip(axes, rows, strict=True):
        window, value = around(judged.truth), judged.score.class_value
        grey = judged.bscan.image[window]
        masks = (np.zeros_like(judged.truth), judged.truth, judged.predicted)
        shown = [labels_picture(grey, m[window] * np.uint8(value), schema) for m in masks]
        found = f"one box: Dice {judged.score.dice:.2f}"
        titles = (names[value], f"truth ({judged.bscan.name})", found)
        for axis, picture, title in zip(line, shown, titles, strict=True):
            axis.imshow(picture, aspect="auto")
            axis.set_title(title, fontsize=8)
            axis.axis("off")
    figure.savefig(target, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str]) -> None:
    """Draw both pictures of the card."""
    if len(arguments) != 1:
        sys.exit(__doc__)
    draw_failures(_IMAGES / "octsam-tiny-failures.png")
    draw_real_failures(Path(arguments[0]), _IMAGES / "octsam-tiny-failures-lesions.png")


if __name__ == "__main__":
    main(sys.argv[1:])
