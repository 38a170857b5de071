"""What is looked at after each epoch: the loss on B-scans held back, and samples of either part."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from napari_octsam.core.config import TrainConfig
from napari_octsam.training.events import EpochDone, Samples
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.run.recording import recorded
from tests.small_runs import CONFIG, FEW, SCHEMA, bscans, call_it_tiny, new_folder, small_model

STILL = CONFIG.model_copy(update={**FEW, "topology": "spatial", "lr": 1e-12, "prompt": "mixed"})


def test_the_validation_loss_has_the_parts_of_a_steps_and_the_same_prompts_each_time(
    tmp_path: Path,
) -> None:
    folder = new_folder(tmp_path, STILL)
    run = FineTuning(small_model(), bscans(1), bscans(2, 50), SCHEMA, STILL, folder.embeddings)
    epochs = [e for e in recorded(run, folder, SCHEMA) if isinstance(e, EpochDone)]
    before, *learnt = epochs
    assert (
        set(before.validation)
        == set(learnt[-1].losses)
        == {*("segmentation", "candidates", "iou", "topology")}
    )
    for epoch in learnt:
        assert epoch.validation == pytest.approx(before.validation, rel=1e-4)
    with (folder.path / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["validation loss iou"]) for row in rows] == [
        each.validation["iou"] for each in epochs
    ]
    assert all(float(row["boundary error 2"]) >= 0 for row in rows)
    assert folder.read_metrics() == epochs


def test_the_loss_of_naming_pixels_is_validated_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_it_tiny(monkeypatch)
    config = TrainConfig(steps=1, prompt="boxes", objects=1)
    run = FineTuning(small_model(), bscans(1), bscans(1, 50), SCHEMA, config, tmp_path)
    first = next(event for event in run.run() if isinstance(event, EpochDone))
    assert {"pixels", "topology of names"} < set(first.validation)
    assert first.automatic[2].boundary_error is not None


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, ["bscan 0", "bscan 1", "bscan 2"]),
        ({"display_samples": 1, "display_train": 2}, ["bscan 0", "training 0", "training 1"]),
        ({"display_index": "3,0,9"}, ["bscan 3", "bscan 0"]),
        ({"display_index": "1", "display_train": 1}, ["bscan 1", "training 1"]),
        ({"display_samples": 0}, []),
    ],
)
def test_the_bscans_that_are_shown_are_those_that_were_asked_for(
    tmp_path: Path, settings: dict[str, object], shown: list[str]
) -> None:
    config = STILL.model_copy(update={**settings, "epochs": 1, "topology": "none"})
    run = FineTuning(small_model(), bscans(2), bscans(4, 50), SCHEMA, config, tmp_path)
    told = [event for event in run.run() if isinstance(event, Samples)]
    found = [
        each.name if each.part == "validation" else each.name.replace("bscan", "training")
        for each in (told[-1].samples if told else ())
    ]
    assert found == shown


def test_places_that_are_no_numbers_are_refused() -> None:
    assert TrainConfig(display_index="0, 7").displayed == (0, 7)
    with pytest.raises(ValueError, match="places from 0 on, such as 0,7"):
        TrainConfig(display_index="first")
