"""The topology losses of a run: of named pixels, without labels, and as the original has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.oracles.cases import ORIGINAL_CASES
from napari_octsam.core.classes import NOT_LABELLED, LabelSchema, bundled_schema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.frames import make_frame
from napari_octsam.topology.losses import BettiPriorLoss, OriginalTopologyLoss
from napari_octsam.training.data import read_data
from napari_octsam.training.events import EpochDone, StepDone
from napari_octsam.training.loop import FineTuning
from napari_octsam.training.losses.named_shapes import (
    logits_of,
    named_shapes,
    priors_of,
    truth_of,
)
from napari_octsam.training.losses.topology import make_topology_loss, topology_loss
from napari_octsam.training.original_topology import original_topology_loss
from napari_octsam.training.prompts.simulation import SimulatedObject
from tests.cli.test_train_settings import write_data
from tests.small_runs import SCHEMA, bscans, call_it_tiny, small_model
from tests.topology.test_original_loss import FAULTS

ALL = TrainConfig(steps=1, prompt="boxes", objects=1, augment=False, topology_warmup_epochs=0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    call_it_tiny(monkeypatch)


def a_step(folder: Path, config: TrainConfig, count: int = 1, **more: Any) -> dict[str, float]:
    """Return the losses of the first step."""
    run = FineTuning(small_model(), bscans(count), [], SCHEMA, config, folder, **more)
    return next(event for event in run.run() if isinstance(event, StepDone)).losses


def test_the_originals_loss_is_that_of_the_whole_batch() -> None:
    """Recorded by `python -m benchmarks.oracles`: a batch of two, and each by itself."""
    case = ORIGINAL_CASES[0]
    frame = make_frame("octsam-tiny", (50, 50), (50, 50))
    loss = OriginalTopologyLoss()

    def of(bscan: int, *, alone: bool) -> float:
        objects = [SimulatedObject(mask > 0, Prompt(1)) for mask in case.truth()[bscan]]
        logits = torch.from_numpy(case.logits()[bscan])
        found = original_topology_loss(loss, logits, objects, frame, alone=alone)
        assert found is not None
        return float(found)

    together = [of(bscan, alone=False) for bscan in (0, 1)]
    apart = [of(bscan, alone=True) for bscan in (0, 1)]
    assert np.mean(together) == pytest.approx(FAULTS["split"]["whole"], rel=1e-6)
    assert np.mean(apart) == pytest.approx(FAULTS["split"]["parts"], rel=1e-6)


def test_a_step_of_two_bscans_has_the_originals_loss_of_all_masks_at_their_full_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    of_sample = OriginalTopologyLoss.of_sample

    def watched(self: OriginalTopologyLoss, prediction: Tensor, truth: Tensor) -> Tensor:
        seen.append((prediction.detach(), truth))
        return of_sample(self, prediction, truth)

    monkeypatch.setattr(OriginalTopologyLoss, "of_sample", watched)
    settings = {"adapts": "decoder", "topology": "octsam", "batch_size": 2, "background": True}
    config = ALL.model_copy(update={**settings, "objects": 10**6})

    losses = a_step(tmp_path, config, count=2)

    assert [tuple(prediction.shape[1:]) for prediction, _ in seen] == [(128, 160)] * 2
    counts = [len(prediction) for prediction, _ in seen]
    assert min(counts) >= 8  # as many as a CPU else decodes at once, in one go
    real = torch.zeros(2, max(counts), dtype=torch.bool)
    batch = [torch.zeros(2, max(counts), 128, 160) for _ in range(2)]
    for number, sample in enumerate(seen):
        real[number, : counts[number]] = True
        for whole, part in zip(batch, sample, strict=True):
            whole[number, : counts[number]] = part
    assert losses["topology"] == pytest.approx(float(OriginalTopologyLoss()(*batch, real)))


def band(*gap: int) -> tuple[Tensor, Tensor]:
    """Return (3, 24, 32) logits and (24, 32) places of two layers, the first one with a gap."""
    truth = torch.zeros(24, 32, dtype=torch.long)
    truth[8:12], truth[12:16] = 1, 2
    found = truth.clone()
    found[8:12, gap] = 0
    return torch.nn.functional.one_hot(found, 3).movedim(-1, 0) * 12.0, truth


def two_layers() -> LabelSchema:
    classes = [
        {"value": 0, "name": "background", "short": "BG", "color": "#000000"},
        {"value": 7, "name": "upper", "short": "U", "color": "#ff0000", "components": 1},
        {"value": 9, "name": "lower", "short": "L", "color": "#00ff00", "components": 1},
    ]
    union = {"name": "both", "values": [7, 9], "components": 1, "holes": 0}
    return LabelSchema.model_validate({"name": "two", "classes": classes, "unions": [union]})


def test_a_class_and_a_union_of_named_pixels_that_are_broken_are_mended() -> None:
    shapes = named_shapes(two_layers())
    assert [shape.places for shape in shapes] == [(1,), (2,), (1, 2)]
    loss = make_topology_loss(TrainConfig())
    assert loss is not None
    whole, truth = band()
    assert float(topology_loss(loss, logits_of(shapes, whole), truth_of(shapes, truth)) or 0) < 1e-3

    broken, _ = band(15, 16)
    broken.requires_grad_()
    found = topology_loss(loss, logits_of(shapes, broken), truth_of(shapes, truth))
    assert found is not None
    found.backward()
    assert broken.grad is not None
    assert (broken.grad[1, 8:12, 15:17] < 0).any(), "more of the layer in the gap lowers the loss"

    truth[:, 14:18] = NOT_LABELLED
    broken.grad = None
    unknown = topology_loss(loss, logits_of(shapes, broken), truth_of(shapes, truth))
    assert unknown is not None
    unknown.backward()
    assert not broken.grad[:, :, 14:18].any()


def test_the_probability_of_a_union_is_that_of_any_of_its_classes() -> None:
    logits = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    each = logits.softmax(0)
    found = logits_of(named_shapes(two_layers()), logits).sigmoid()
    torch.testing.assert_close(found, torch.stack([each[1], each[2], each[1] + each[2]]))


def test_what_anatomy_says_needs_no_labels() -> None:
    shapes = named_shapes(two_layers())
    loss = BettiPriorLoss(priors_of(shapes))
    whole, _ = band()
    broken, _ = band(15, 16)
    broken.requires_grad_()
    found = loss(logits_of(shapes, broken)[None])
    found.backward()
    assert found.item() > float(loss(logits_of(shapes, whole)[None])) + 0.01
    assert broken.grad is not None
    assert broken.grad[:, 8:12, 14:18].any()
    assert [prior.holes for prior in priors_of(named_shapes(bundled_schema("layers7")))] == [0] * 8


def test_a_step_learns_the_topology_of_names_and_of_bscans_without_labels(tmp_path: Path) -> None:
    images = [each.image for each in bscans(2, 70)]
    config = ALL.model_copy(update={"topology_prior": 0.1})
    losses = a_step(tmp_path, config, unlabelled=images)
    heavy = a_step(
        tmp_path,
        config.model_copy(update={"topology_prior": 0.3, "topology_weight": 0.2}),
        unlabelled=images,
    )
    assert heavy["topology of names"] == pytest.approx(2 * losses["topology of names"], rel=1e-4)
    assert heavy["topology prior"] == pytest.approx(3 * losses["topology prior"], rel=1e-4)
    none = a_step(tmp_path, ALL.model_copy(update={"topology": "none"}))
    assert not [name for name in none if name.startswith("topology")]


def test_the_lowest_loss_is_found_without_the_topology_losses(tmp_path: Path) -> None:
    run = FineTuning(small_model(), bscans(1), [], SCHEMA, ALL, tmp_path)
    epoch = [event for event in run.run() if isinstance(event, EpochDone)][-1]
    others = [loss for name, loss in epoch.losses.items() if not name.startswith("topology")]
    assert len(others) < len(epoch.losses)
    assert epoch.score == pytest.approx(-sum(others))


def test_a_prior_that_cannot_be_says_what_it_needs(tmp_path: Path) -> None:
    config = ALL.model_copy(update={"topology_prior": 0.1})
    images = [bscans(1)[0].image]
    with pytest.raises(UserError, match="needs octsam-tiny"):
        a_step(tmp_path, config.model_copy(update={"adapts": "decoder"}), unlabelled=images)
    shapeless = bundled_schema("layers7").model_copy(update={"unions": ()})
    plain = [c.model_copy(update={"components": None, "holes": None}) for c in shapeless.classes]
    shapeless = shapeless.model_copy(update={"classes": tuple(plain)})
    with pytest.raises(UserError, match="says of no class how many"):
        FineTuning(*(small_model(), bscans(1), [], shapeless, config, tmp_path), unlabelled=images)
    write_data(tmp_path / "data", 2)
    said = {"data": str(tmp_path / "data"), "label_schema": "layers7"}
    with pytest.raises(UserError, match="name their folder as unlabelled"):
        read_data(config.model_copy(update=said))
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="has no pictures of B-scans"):
        read_data(config.model_copy(update={**said, "unlabelled": str(tmp_path / "none")}))
    folder = str(tmp_path / "data" / "images")
    found = read_data(config.model_copy(update={**said, "unlabelled": folder}))
    assert [image.shape for image in found.unlabelled] == [(128, 160)] * 2
