"""B-scans of which a person has looked at some classes only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_octsam.core.classes import ANOTHER_CLASS, NOT_LABELLED
from napari_octsam.core.config import TrainConfig
from napari_octsam.data.arrays import array_item, arrays_as_dataset
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.data.prepared import open_prepared, write_prepared
from napari_octsam.training.data import read_data
from napari_octsam.training.events import EpochDone, StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.losses.named_shapes import named_shapes, truth_of
from napari_octsam.training.losses.naming import pixel_loss
from napari_octsam.training.memory import Memory
from napari_octsam.training.naming import PixelNaming
from napari_octsam.training.views import BScanView
from tests.small_runs import SCHEMA, bscans, call_it_tiny, small_model

ALL = TrainConfig(steps=1, prompt="boxes", objects=8, augment=False, topology_warmup_epochs=0)
RPE = 7


def partly(bscan: LabelledBScan) -> LabelledBScan:
    """Return a B-scan of which only the RPE was looked at."""
    labels = np.where(bscan.labels == RPE, bscan.labels, np.uint8(ANOTHER_CLASS))
    return LabelledBScan(bscan.name, bscan.image, labels)


def test_a_pixel_of_another_class_says_only_which_it_is_not() -> None:
    truth = torch.full((4, 6), ANOTHER_CLASS)
    truth[2:] = 2
    logits = torch.randn(4, 4, 6, generator=torch.Generator().manual_seed(0))
    logits.requires_grad_()
    together = torch.stack([logits[2], logits[[0, 1, 3]].logsumexp(0)])
    two = torch.where(truth == 2, 0, 1)
    loss = pixel_loss(logits, truth)
    assert loss.item() == pytest.approx(pixel_loss(together, two).item(), rel=1e-5)
    shifted = logits.detach() + torch.tensor([2.0, -1.0, 0.0, 0.0])[:, None, None]
    one = torch.zeros_like(truth) + ANOTHER_CLASS
    assert pixel_loss(shifted, one).item() == pytest.approx(pixel_loss(logits, one).item())
    truth[0] = NOT_LABELLED
    loss = pixel_loss(logits, truth)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[:, 0].any()


def test_shapes_of_classes_that_nobody_looked_at_do_not_count() -> None:
    (bscan,) = bscans(1)
    labels = torch.from_numpy(partly(bscan).labels).long()
    shapes = named_shapes(SCHEMA)
    counts = truth_of(shapes, labels).counts.flatten(1).amax(1)
    assert [shape.places for shape, count in zip(shapes, counts, strict=True) if count] == [(7,)]


def test_where_nobody_says_which_class_it_is_the_model_is_held_to_what_it_named() -> None:
    model = small_model()
    naming, memory = PixelNaming(model, SCHEMA, ALL), Memory(model, SCHEMA)
    (bscan,) = bscans(1)
    features = model.features(bscan.image)
    found = []
    with torch.no_grad():
        model.network.get_parameter("mask_decoder.pixel_names.heads.layers7.bias")[1] += 3  # type: ignore[attr-defined]
    for each in (bscan, partly(bscan)):
        view = BScanView(each.image, each.labels)
        found.append(float(memory.losses(features, view, naming.places(each.labels))["memory"]))
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found[1] > 0.01


def test_only_the_classes_that_were_looked_at_are_asked_for_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_it_tiny(monkeypatch)
    training, validation = (list(map(partly, bscans(1, first))) for first in (0, 50))
    run = FineTuning(small_model(), training, validation, SCHEMA, ALL, tmp_path)
    events = list(run.run())
    epochs = [event for event in events if isinstance(event, EpochDone)]
    assert {tuple(epoch.classes) for epoch in epochs} == {(RPE,)}
    (step,) = [event for event in events if isinstance(event, StepDone)]
    assert all(np.isfinite(loss) for loss in step.losses.values())


def test_the_classes_go_with_the_copy_that_is_learnt_from(tmp_path: Path) -> None:
    items = [
        array_item(each.name, each.name, each.image, each.labels, SCHEMA, classes)
        for each, classes in zip(bscans(2), ((0, RPE), None), strict=True)
    ]
    write_prepared(tmp_path / "copy", arrays_as_dataset(items, SCHEMA), None)
    assert [item.classes for item in open_prepared(tmp_path / "copy").items] == [(0, RPE), None]
    data = read_data(TrainConfig(data=str(tmp_path / "copy")))
    found = {each.name: np.unique(each.labels).tolist() for each in data.training + data.validation}
    assert found["bscan 0"] == [0, RPE, ANOTHER_CLASS]
    assert found["bscan 1"] == list(range(8))
    only = read_data(TrainConfig(data=str(tmp_path / "copy"), classes="INL"))
    found = {each.name: np.unique(each.labels).tolist() for each in only.training + only.validation}
    assert found["bscan 0"] == [0, ANOTHER_CLASS]
