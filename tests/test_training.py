"""Learning from B-scans: simulated prompts, views, losses, and the loop that goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import bounding_box, check_prompt
from napari_octsam.models.tiny import TinyConfig
from napari_octsam.training.augment import plain_view, random_view
from napari_octsam.training.losses import area_targets, mask_losses
from napari_octsam.training.pretraining import PretrainConfig, Pretraining
from napari_octsam.training.samples import Sample, mixed_source
from napari_octsam.training.simulation import draw_objects, jittered_box, simulate_prompt

torch.set_num_threads(1)  # threads cost more than they give on maps this small
SMALL = TinyConfig(input_size=(64, 64), widths=(8, 16, 16, 24, 32), embed_dim=32)


def band(rows: int = 96, cols: int = 120) -> Sample:
    """A bright band on a dark B-scan, labelled 3."""
    labels = np.zeros((rows, cols), np.uint8)
    labels[40:52] = 3
    return Sample("band", np.where(labels > 0, 200, 20).astype(np.uint8), {"layers7": labels})


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_prompts_mark_the_object_they_ask_for(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.zeros((60, 80), bool)
    mask[20:27, 5:70] = True
    prompt = check_prompt(simulate_prompt(mask, rng), mask.shape)
    for point in prompt.points:
        assert mask[int(point.row), int(point.col)] == point.positive
    if prompt.box is not None:
        assert (prompt.box.row0 + prompt.box.row1) / 2 == pytest.approx(23, abs=2.1)
    if prompt.mask is not None:
        assert (prompt.mask & mask).any()


def test_a_loose_box_never_leaves_a_thin_layer() -> None:
    mask = np.zeros((60, 80), bool)
    mask[30:36] = True
    for seed in range(200):
        box = jittered_box(mask, np.random.default_rng(seed), most=10)
        assert box.row0 < 33 < box.row1


def test_objects_ignore_what_nobody_labelled() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[10:20] = 2
    labels[30:] = NOT_LABELLED
    drawn = draw_objects({"oct14": labels}, 3, np.random.default_rng(0))
    assert len(drawn) == 3
    for each in drawn:
        assert each.ignored is not None
        assert each.ignored[30:].all()
        assert not each.mask[30:].any()


def test_views_move_image_and_labels_together() -> None:
    for seed in range(20):
        view = random_view(band(), (64, 64), np.random.default_rng(seed))
        pixels, labels = view.pixels[0].numpy(), view.maps["layers7"]
        if 0 < (labels == 3).sum() < labels.size:
            inside, outside = pixels[labels == 3].mean(), pixels[labels != 3].mean()
            assert abs(inside - outside) > 0.8


def test_a_plain_view_only_stretches() -> None:
    view = plain_view(band(), (64, 64))
    box = bounding_box(view.maps["layers7"] == 3)
    assert (box.row0, box.row1) == (pytest.approx(40 / 96 * 64, abs=1), pytest.approx(34, abs=1))
    assert float(view.pixels.mean()) == pytest.approx(0, abs=1e-4)


def test_targets_are_the_covered_share() -> None:
    mask = torch.zeros(1, 4, 4)
    mask[0, :, :1] = 1
    torch.testing.assert_close(area_targets(mask, (2, 2)), torch.tensor([[[0.5, 0], [0.5, 0]]]))


def test_losses_vanish_for_the_truth_and_take_the_best_candidate() -> None:
    target = torch.zeros(1, 8, 8)
    target[:, 2:4] = 1
    sure = (target * 2 - 1)[:, None] * 30
    counts = torch.ones_like(target)
    one = mask_losses(
        torch.cat([sure, -sure, sure, -sure], dim=1),
        torch.tensor([[1.0, 0.0, 1.0, 0.0]]),
        target,
        counts,
    )
    none = mask_losses((-sure).expand(-1, 4, -1, -1), torch.ones(1, 4), target, counts)
    assert float(one.single) == pytest.approx(0, abs=1e-4)
    assert float(one.iou) == pytest.approx(0, abs=1e-4)
    assert float(none.iou) == pytest.approx(1, abs=1e-4)
    assert float(one.candidates) == pytest.approx(0.1 * 2 / 3 * float(none.candidates), rel=1e-3)


def test_pixels_without_label_do_not_count() -> None:
    target = torch.zeros(1, 8, 8)
    counts = torch.ones(1, 8, 8)
    counts[:, 4:] = 0
    logits = torch.full((1, 4, 8, 8), -30.0)
    logits[:, :, 4:] = 30
    found = mask_losses(logits, torch.ones(1, 4), target, counts)
    assert float(found.single) == pytest.approx(0, abs=1e-4)


def train(steps: int, saved: Path | None = None) -> Pretraining:
    config = PretrainConfig(steps=4, warmup_steps=1, decay_steps=2, objects=3)
    training = Pretraining(mixed_source([(1.0, [band()])], phantoms=0), config, SMALL)
    if saved is not None:
        training.restore(saved)
    for event in training.run():
        assert all(np.isfinite(loss) for loss in event.losses.values())
        if event.step == steps:
            break
    return training


def test_a_stopped_and_restored_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(4)
    train(2).save(tmp_path / "state.pt")
    resumed = train(4, tmp_path / "state.pt")
    for name, weight in whole.average.state_dict().items():
        assert torch.equal(weight, resumed.average.state_dict()[name]), name


def test_a_few_steps_learn_the_band() -> None:
    config = PretrainConfig(steps=40, warmup_steps=5, decay_steps=10, learning_rate=3e-3)
    training = Pretraining(mixed_source([(1.0, [band()])], phantoms=0), config, SMALL)
    losses = [event.losses["single"] for event in training.run()]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_a_pretraining_says_when_its_state_or_its_numbers_are_lost(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"PK half a file")
    with pytest.raises(UserError, match=r"cannot go on from .*state: it is no whole state"):
        train(1, tmp_path / "state")
    training = train(1)
    with torch.no_grad():
        next(training.trained.parameters()).fill_(torch.nan)
    with pytest.raises(UserError, match="no number any more, at step 2"):
        next(training.run())
