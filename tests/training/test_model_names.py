"""What a model is called that nobody has named."""

from __future__ import annotations

from datetime import datetime

from napari_octsam.core.classes import bundled_schema
from napari_octsam.training.model_names import model_name

DAY = datetime(2026, 12, 1, 9)


def test_a_name_says_classes_day_and_number_of_bscans() -> None:
    layers = bundled_schema("layers7")
    assert model_name(layers, 5, DAY) == "layers7, 01 Dec, 5 B-scans"
    assert model_name(layers.only(["INL", "RPE"]), 1, DAY) == "INL RPE, 01 Dec, 1 B-scan"
