"""What judges weights of octsam-tiny side by side."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_octsam.models.checkpoints.load import load_model
from recipes.octsam_tiny.judge import Judged, as_table, judge, questions_of


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
    asked = [[each.title for each in questions] for _, _, questions in questions_of(data)]
    assert [len(titles) for titles in asked] == [8, 6, 2]
    assert asked[0].count("layers, box 8 px loose") == 2
    assert asked[1].count("intraretinal fluid, one point") == 2
    assert asked[2] == ["RPE with drusen, tight box", "RPE with drusen, names"]


def test_a_model_is_judged_by_its_masks_its_names_and_its_own_judgement(data: Path) -> None:
    model = load_model("octsam-tiny", device="cpu", precision="float32")
    asked = next(iter(questions_of(data)))
    found = list(judge(model, asked))
    assert sorted(title for title, _ in found) == sorted(each.title for each in asked.questions)
    for title, each in found:
        assert 0 <= each.dice <= 1
        assert (each.iou_error is None) == title.endswith("names")


def test_the_table_has_a_column_for_each_of_the_weights() -> None:
    found = [Judged(0.5, 0.1), Judged(0.7, None)]
    table = as_table({"old": {"a": found}, "new": {"a": found[1:] * 2}})
    assert "| a | 2 | 0.600 | 0.100 | 0.700 |  |" in table
