"""Views of octsam-tiny's training as foreign devices might show them."""

from __future__ import annotations

import numpy as np
import torch

from recipes.octsam_tiny.augment import random_view
from recipes.octsam_tiny.devices import foreign_device
from tests.recipes.bands import band


def test_a_foreign_devices_b_scan_is_finite_grey_of_the_same_size() -> None:
    image = torch.from_numpy(band().image)[None].float() / 255
    for seed in range(40):
        seen = foreign_device(image, np.random.default_rng(seed))
        assert seen.shape == image.shape
        assert seen.dtype == torch.float32
        assert seen.min() >= 0
        assert seen.max() <= 1


def test_what_is_shown_stays_where_the_labels_are() -> None:
    told = []
    for seed in range(40):
        view = random_view(band(), (96, 96), np.random.default_rng(seed), devices=1.0)
        layer = view.maps["layers7"] == 3
        if 0 < layer.sum() < layer.size:
            pixels = view.pixels[0].numpy()
            told.append(abs(pixels[layer].mean() - pixels[~layer].mean()))
    assert np.median(told) > 0.8
    assert min(told) > 0.1


def test_without_foreign_devices_views_are_as_they_were() -> None:
    plain, same = (
        random_view(band(), (64, 64), np.random.default_rng(3), **more)
        for more in ({}, {"devices": 0.0})
    )
    assert torch.equal(plain.pixels, same.pixels)
