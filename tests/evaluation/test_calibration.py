"""What a model thinks of its own masks, corrections in an evaluation, and pieces of a class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_octsam.cli import app
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema, bundled_schema
from napari_octsam.core.decoded import CoarseMask, DecodedObject, LogitGrid
from napari_octsam.core.prompts import Box, Point, Prompt
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.evaluation.metrics import ObjectCalibration, calibrate, measure_calibration
from napari_octsam.evaluation.pieces import pieces_of
from napari_octsam.evaluation.prompting import Prompting, ask
from napari_octsam.models.network import Embedding

SHAPE = (20, 30)
OCT14 = bundled_schema()
GRID = LogitGrid(SHAPE, ((20, 20),), ((30, 30),))


def coarse(rows: slice, cols: slice, logit: float = 3.0) -> CoarseMask:
    logits = np.full(SHAPE, -9.0, np.float32)
    logits[rows, cols] = logit
    return CoarseMask.cut(logits, GRID)


def test_iou_and_dice_are_those_of_the_masks() -> None:
    truth = np.zeros(SHAPE, bool)
    truth[5:15, 10:20] = True
    half, whole = coarse(slice(5, 10), slice(10, 20)), coarse(slice(5, 15), slice(10, 20))
    unsure = coarse(slice(5, 15), slice(10, 20), 0.2)  # a probability of 0.55
    found = DecodedObject((unsure, whole, half, coarse(slice(0, 1), slice(0, 1))), (0.5,) * 4, 0)
    measured = measure_calibration(found, truth, np.ones(SHAPE, bool))
    assert measured.predicted == (0.5, 0.5, 0.5)
    assert measured.actual == pytest.approx((1, 0.5, 0))
    assert measured.dice == pytest.approx((1, 1, 1, 0, 0))


def test_pixels_that_nobody_labelled_do_not_count() -> None:
    truth, counted = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    truth[:10], counted[10:] = True, False
    everything = coarse(slice(0, 20), slice(0, 30))
    measured = measure_calibration(DecodedObject((everything,) * 4, (1.0,) * 4, 0), truth, counted)
    assert measured.actual == (1, 1, 1)


def test_the_calibration_of_many_objects() -> None:
    objects = [
        ObjectCalibration((0.9, 0.5, 0.1), (0.8, 0.4, 0.2), (0.6, 0.7, 0.8, 0.7, 0.6)),
        ObjectCalibration((0.2, 0.3, 0.4), (0.9, 0.7, 0.5), (0.8, 0.9, 1.0, 0.9, 0.8)),
    ]
    found = calibrate(objects)
    assert found.rank_within == pytest.approx(0)  # 1 and -1
    assert found.rank_correlation == pytest.approx(0.2)  # of the ranks 6 5 1 2 3 4 and 5 2 1 6 4 3
    assert found.iou_error == pytest.approx((0.1 + 0.1 + 0.1 + 0.7 + 0.4 + 0.1) / 6)
    assert (found.ranked_first, found.best) == pytest.approx((0.65, 0.85))
    assert found.dice == pytest.approx((0.7, 0.8, 0.9, 0.8, 0.7))


def test_a_model_without_candidates_is_judged_by_its_thresholds_alone() -> None:
    found = calibrate([ObjectCalibration((), (), (0.1, 0.2, 0.3, 0.4, 0.5))])
    assert np.isnan([found.rank_correlation, found.rank_within, found.iou_error, found.best]).all()
    assert found.dice == (0.1, 0.2, 0.3, 0.4, 0.5)


class _LeftHalf:
    """Finds the left half of every box, whatever else it is told."""

    def __init__(self) -> None:
        self.asked: list[list[Prompt]] = []
        self.schemas: list[LabelSchema | None] = []

    def decode(
        self,
        _embedding: Embedding,
        prompts: Sequence[Prompt],
        schema: LabelSchema | None = None,
    ) -> list[DecodedObject]:
        self.asked.append(list(prompts))
        self.schemas.append(schema)
        return [self._found(prompt.box) for prompt in prompts if prompt.box is not None]

    def _found(self, box: Box) -> DecodedObject:
        half = int(box.col0 + box.col1 + 1) // 2
        rows = slice(int(box.row0), int(box.row1) + 1)
        return DecodedObject((coarse(rows, slice(int(box.col0), half)),), (1.0,), 0)


def test_each_correction_is_a_point_where_the_mask_is_wrong() -> None:
    truth = np.zeros(SHAPE, bool)
    truth[5:14, 4:22] = True
    model: Any = _LeftHalf()
    ask(model, Embedding({}, SHAPE), {3: truth}, OCT14, Prompting("box", 2))
    assert [len(asked[0].points) for asked in model.asked] == [0, 1, 2]
    first = model.asked[1][0].points[0]
    assert first == Point(9, 17, True)

    model.asked.clear()
    ask(model, Embedding({}, SHAPE), {3: truth}, OCT14, Prompting("box", loose=1))
    assert model.asked[0][0].box == Box(4, 3, 14, 22)

    hidden = np.zeros(SHAPE, bool)
    hidden[:, 13:] = True
    model.asked.clear()
    ask(model, Embedding({}, SHAPE), {3: truth}, OCT14, Prompting("box", 2), ignored=hidden)
    assert model.asked[-1][0].points == (), "what nobody labelled is not corrected"


@pytest.mark.parametrize("is_named", [True, False])
def test_the_model_is_told_the_class_or_not(is_named: bool) -> None:
    truth = np.zeros(SHAPE, bool)
    truth[5:14, 4:22] = True
    model: Any = _LeftHalf()
    prompting = Prompting(corrections=1, names_class=is_named)
    ask(model, Embedding({}, SHAPE), {3: truth}, OCT14, prompting)
    assert [asked[0].names_class for asked in model.asked] == [is_named] * 2
    assert model.schemas == [OCT14] * 2


def test_prompts_in_words() -> None:
    assert Prompting("point").in_words() == "one point"
    assert Prompting("box", 1).in_words() == "one box and 1 correction"
    assert Prompting("box", 3).in_words() == "one box and 3 corrections"
    assert Prompting("box", loose=5).in_words() == "one box 5 pixels loose"


def test_each_piece_of_a_class_comes_by_itself() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:5] = 1
    labels[5, 5] = 1  # touches it at a corner
    labels[10:12, 10:12] = 1
    labels[15, 15] = 2
    labels[18:, :] = NOT_LABELLED
    bscan = LabelledBScan("eye", np.zeros(SHAPE, np.uint8), labels)
    pieces = list(pieces_of(bscan, bundled_schema("layers7"), 2))
    assert [piece.name for piece in pieces] == ["eye, piece 1", "eye, piece 2"]
    assert [int((piece.labels == 1).sum()) for piece in pieces] == [10, 4]
    assert all((piece.labels[18:] == NOT_LABELLED).all() for piece in pieces)
    assert all(piece.image is bscan.image for piece in pieces)


def test_phantoms_become_a_data_set_that_is_judged_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    def octsam(*arguments: object) -> str:
        done = CliRunner().invoke(app, [str(a) for a in arguments])
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    size = ("--rows", 128, "--columns", 160)
    octsam("phantoms", "made", "--count", 3, "--seed", 5, *size)
    assert (tmp_path / "made" / "masks_layers7" / "phantom_7.png").is_file()
    refused = CliRunner().invoke(app, ["phantoms", "made"])
    assert "made is there already" in refused.output
    refused = CliRunner().invoke(app, ["phantoms", "small", "--rows", "9"])
    assert "at least 128 x 128 pixels; 9 x 768 was asked" in refused.output
    assert not (tmp_path / "small").exists()

    options = ("--data", "made", "--device", "cpu", "--json", "report.json")
    told = octsam("evaluate", tiny_checkpoint, *options, "--pieces", 40, "--corrections", 1)
    assert "pieces of 3 B-scans, one box and 1 correction a piece" in told
    assert "rank correlation of predicted and actual IoU" in told
    report = json.loads(Path("report.json").read_text("utf-8"))
    assert report["about"]["each"] == "piece"
    assert set(report["calibration"]["dice"]) == {"0.3", "0.4", "0.5", "0.6", "0.7"}
    assert all(score["tp"] + score["fn"] >= 40 for score in report["scores"])
