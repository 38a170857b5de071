"""What octsam-tiny learns from: random views of B-scans, and the objects that are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.phantoms.bscan import Finding, make_phantom
from recipes.octsam_tiny.augment import random_view
from recipes.octsam_tiny.objects import draw_objects
from recipes.octsam_tiny.samples import Sample, layered_sample
from tests.recipes.bands import band


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


def noisy(image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    return image + torch.from_numpy(rng.normal(0, 0.1, image.shape)).float()


def share_of_bare_padding(sample: Sample, schema: str, padding: int) -> float:
    """Return in which share of the views with padding that padding is of one value."""
    bare = []
    for seed in range(60):
        view = random_view(sample, (96, 96), np.random.default_rng(seed))
        padded = binary_erosion(view.maps[schema] == padding, iterations=2)
        if padded.sum() > 50:
            bare.append(np.ptp(view.pixels[0].numpy()[padded]) == 0)
    assert len(bare) > 20
    return float(np.mean(bare))


def test_padding_is_mostly_free_of_the_devices_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recipes.octsam_tiny.augment.random_appearance", noisy)
    phantom = make_phantom(3, (128, 160), [Finding.IMAGE_PADDING])
    sample = Sample("p", phantom.image, {"oct14": phantom.labels})
    assert 0.7 < share_of_bare_padding(sample, "oct14", Finding.IMAGE_PADDING) < 1


def test_what_lies_outside_a_b_scan_without_the_14_classes_is_padding_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recipes.octsam_tiny.augment.random_appearance", noisy)
    white = np.full((96, 120), 255, np.uint8)
    sample = Sample("white", white, {"layers7": np.ones_like(white)})
    assert 0.7 < share_of_bare_padding(sample, "layers7", 0) < 1


def shares_of_close_and_of_bright_padding(exports: bool) -> tuple[float, float]:
    """Return in which shares of the views a layer is much higher, and a corner brighter than it."""
    close, bright = [], []
    for seed in range(150):
        view = random_view(band(), (64, 64), np.random.default_rng(seed), exports=exports)
        layer, pixels = view.maps["layers7"] == 3, view.pixels[0].numpy()
        if layer.any():
            close.append(np.median(layer.sum(axis=0)[layer.any(axis=0)]) > 1.7 * (64 / 96 * 12))
            bright.append(pixels[[0, 0, -1, -1], [0, -1, 0, -1]].max() > pixels[layer].mean())
    assert len(close) > 142
    return float(np.mean(close)), float(np.mean(bright))


def test_views_are_also_of_the_retina_alone_and_on_white() -> None:
    close, bright = shares_of_close_and_of_bright_padding(exports=True)
    assert 0.1 < close < 0.35
    assert 0.05 < bright < 0.35


def test_a_stage_can_go_without_views_as_exports_are() -> None:
    close, bright = shares_of_close_and_of_bright_padding(exports=False)
    assert close < 0.02
    assert bright < 0.1  # of those that are inverted


def test_layers_tell_of_the_vitreous_body_and_the_retina() -> None:
    labels = np.zeros((12, 6), np.uint8)
    labels[4:6], labels[6:8] = 1, 7
    labels[:, 5] = 0
    classes = layered_sample(LabelledBScan("a", labels, labels)).maps["oct14"]
    assert classes[:, 0].tolist() == [12] * 4 + [2] * 2 + [6] * 2 + [0] * 4
    assert (classes[:, 5] == NOT_LABELLED).all()


def test_a_view_of_some_columns_shows_them_at_the_zoom_of_the_whole() -> None:
    labels = np.zeros((96, 120), np.uint8)
    labels[:, 56:64] = 3
    sample = Sample("stripe", labels, {"layers7": labels})

    def width(seed: int, cols: int) -> float:
        view = random_view(sample, (64, 64), np.random.default_rng(seed), cols)
        shown = (view.maps["layers7"] == 3).any(axis=0)
        return shown.sum() if shown.any() and not shown[[0, -1]].any() else np.nan

    whole, part = (np.nanmean([width(seed, cols) for seed in range(60)]) for cols in (64, 32))
    assert part == pytest.approx(whole, rel=0.2)


def test_one_point_is_never_to_mean_several_layers() -> None:
    labels = np.zeros((96, 120), np.uint8)
    for value in range(1, 8):
        labels[10 * value : 10 * value + 10] = value
    rng = np.random.default_rng(0)
    drawn = [o for _ in range(400) for o in draw_objects({"layers7": labels}, 3, rng)]
    bare = [o for o in drawn if o.prompt.box is None]
    several = [len(o.prompt.points) for o in bare if o.named is None]
    assert len(several) > 20
    assert min(several) >= 3
    assert min(len(o.prompt.points) for o in bare if o.named) == 1


def test_a_healthy_bscan_asks_for_layers_also_where_a_view_shows_padding() -> None:
    labels = np.zeros((96, 120), np.uint8)
    labels[40:48], labels[48:56] = 1, 7
    classes = layered_sample(LabelledBScan("a", labels, labels)).maps["oct14"]
    classes[80:] = 13
    rng = np.random.default_rng(0)
    maps = {"layers7": labels, "oct14": classes}
    named = [o.named[0] for _ in range(100) for o in draw_objects(maps, 4, rng) if o.named]
    assert named.count("layers7") > 0.65 * len(named)
