"""What judges weights of octsam-tiny side by side."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_octsam.models.checkpoints.load import load_model
from recipes.octsam_tiny.calibration import Correction, Expected, errors_table, fitted, words_table
from recipes.octsam_tiny.judge import Judged, as_table, by_title, judge, judge_boxes
from recipes.octsam_tiny.questions import AIMS, questions_of
from recipes.octsam_tiny.rivals.classical import boxed, whole_box
from recipes.octsam_tiny.speed import speeds_table


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A B-scan of each data set that judges, and some that do not."""
    layers, lesions = np.zeros((2, 96, 120), np.uint8)
    layers[40:52], layers[52:60] = 1, 7
    lesions[20:26, 10:20] = lesions[60:66, 10:20] = 1
    lesions[70:73, 60:63] = 3
    for name, labels in {
        "octrima/s05_b01": layers,
        "octrima/s06_b01": layers,
        "lesions/12_DME_1": lesions,
        "lesions/15_DME_1": lesions,
        "amd_volume/b002": np.where(layers == 7, 1, 0),
    }.items():
        folder, stem = name.split("/")
        for kind, pixels in (("images", np.where(labels, 200, 20)), ("masks", labels)):
            path = tmp_path / folder / kind / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            iio.imwrite(path, pixels.astype(np.uint8))
    iio.imwrite(tmp_path / "amd_volume" / "images" / "b001.png", np.zeros((96, 120), np.uint8))
    return tmp_path


def test_weights_are_asked_for_what_they_never_saw(data: Path) -> None:
    asked = list(questions_of(data))
    assert [each.patient for each in asked] == ["octrima", "15", "amd_volume"]
    titles = [[each.title for each in one.questions] for one in asked]
    assert [len(each) for each in titles] == [12, 7, 4]
    assert titles[0].count("layers, box 8 px loose") == 2
    assert titles[1].count("intraretinal fluid, one point") == 2
    assert titles[1].count("intraretinal fluid, names") == 1
    assert "RPE with drusen, names" in titles[2]


def test_only_a_question_that_says_so_leaves_the_class_open(data: Path) -> None:
    for each in next(iter(questions_of(data))).questions:
        if each.prompt is not None:
            assert each.prompt.names_class == ("untold" not in each.title)


def test_there_is_an_aim_only_for_what_is_asked(data: Path) -> None:
    labels = np.zeros((96, 120), np.uint8)
    for value in range(1, 7):
        labels[14 * value : 14 * value + 8, 10:20] = value
    iio.imwrite(data / "lesions" / "masks" / "15_DME_1.png", labels)
    assert set(AIMS) <= {one.title for each in questions_of(data) for one in each.questions}


def test_a_model_is_judged_by_its_masks_its_names_and_its_own_judgement(data: Path) -> None:
    model = load_model("octsam-tiny", device="cpu", precision="float32")
    asked = next(iter(questions_of(data)))
    found = list(judge(model, asked))
    assert [title for title, _ in found] == [each.title for each in asked.questions]
    for title, each in found:
        assert 0 <= each.iou <= each.dice <= 1
        assert (each.predicted is None) == title.endswith("names")


def test_a_whole_box_is_judged_where_there_is_a_box(data: Path) -> None:
    asked = next(iter(questions_of(data)))
    found = by_title(judge_boxes(boxed(whole_box), asked))
    assert [each.dice for each in found["layers, tight box"]] == [1, 1]
    assert "layers, one point" not in found
    assert "layers, names" not in found


def test_the_table_has_a_column_for_each_of_the_weights() -> None:
    title = "drusen, tight box"
    found = [Judged(0.5, 0.4, 0.3), Judged(0.7, 0.6)]
    table = as_table({"old": {title: found}, "new": {title: found[1:] * 2}}, {title: found[:1]})
    assert f"| {title} | 2 | 0.500 | 0.870 | 0.600 | 0.100 | 0.700 |  |" in table


def test_a_correction_makes_a_vain_model_honest_and_is_judged_by_other_patients() -> None:
    predicted = np.linspace(0.5, 0.95, 20)
    actual = Correction(0.8, -0.7)(predicted)
    pairs = list(zip(predicted, actual, strict=True))
    expected = [Expected(who, "drusen, tight box", *each) for who in ("20", "35") for each in pairs]
    found = fitted([each for each in expected if each.fits])
    assert np.abs(found(predicted) - actual).max() < 0.01
    table = errors_table(expected, found)
    assert f"| lesions, tight box | 20 | {actual.mean():.3f} | {predicted.mean():.3f} |" in table
    assert table.endswith("| 0.000 |\n")


def test_models_are_timed_by_turns() -> None:
    model = load_model("octsam-tiny", device="cpu", precision="float32")
    table = speeds_table({"old": model, "new": model}, turns=1)
    assert table.startswith("|  | old | new |")
    assert table.count(" ms |") == 4


def test_words_are_shown_with_how_good_their_masks_are() -> None:
    expected = [Expected("5", "drusen, one point", 0.9, iou) for iou in (0.4, 0.8)]
    table = words_table(expected)
    assert "| sure | 2 | 0.600 | 50 % |" in table
    assert "| doubtful | 0 |  |  |" in table
