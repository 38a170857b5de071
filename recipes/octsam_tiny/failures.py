"""The picture of where octsam-tiny fails: classes of phantoms, the middle piece and the worst."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from napari_octsam.core.classes import LabelSchema, bundled_schema
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.judging import JudgedMask
from napari_octsam.evaluation.overlays import around, labels_picture
from napari_octsam.evaluation.pieces import pieces_of
from napari_octsam.evaluation.prompted import judge_model
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.phantoms.bscan import make_phantom
from recipes.octsam_tiny.card import LEAST, SEEDS

CLASSES = 4


def draw_failures(target: Path) -> None:
    """Save the weakest classes: the B-scan, the truth, and what one tight box gives."""
    schema = bundled_schema("oct14")
    by_class: dict[int, list[JudgedMask]] = {}
    pieces = [piece for seed in SEEDS for piece in pieces_of(_bscan(seed), schema, LEAST)]
    for judged in judge_model(load_model("octsam-tiny", device="cpu"), pieces, schema):
        if judged.truth.any():
            by_class.setdefault(judged.score.class_value, []).append(judged)
    weakest = sorted(by_class.values(), key=lambda each: np.mean([j.score.dice for j in each]))
    rows = [judged for each in weakest[:CLASSES] for judged in _middle_and_worst(each)]
    _draw(rows, schema, target)


def _bscan(seed: int) -> LabelledBScan:
    phantom = make_phantom(seed)
    return LabelledBScan(f"phantom {seed}", phantom.image, phantom.labels)


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
        titles = (names[value], "truth", f"one box: Dice {judged.score.dice:.2f}")
        for axis, picture, title in zip(line, shown, titles, strict=True):
            axis.imshow(picture, aspect="auto")
            axis.set_title(title, fontsize=8)
            axis.axis("off")
    figure.savefig(target, dpi=110)
    plt.close(figure)
