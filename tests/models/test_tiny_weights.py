"""The bundled weights and the code that reads them belong together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from napari_octsam.core.prompts import Point, Prompt, bounding_box
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.checkpoints.registry import fetch
from napari_octsam.phantoms.bscan import make_phantom

PHANTOM = make_phantom(9000, findings=())
LAYERS = [PHANTOM.layers == value for value in range(1, 8)]


def box(mask: npt.NDArray[np.bool_]) -> Prompt:
    return Prompt(1, box=bounding_box(mask))


def point(mask: npt.NDArray[np.bool_]) -> Prompt:
    col = mask.shape[1] // 3
    return Prompt(1, points=(Point(float(np.median(np.flatnonzero(mask[:, col]))), float(col)),))


@pytest.mark.parametrize("prompt", [box, point])
def test_octsam_tiny_finds_the_layers_of_a_healthy_phantom(
    prompt: Callable[[npt.NDArray[np.bool_]], Prompt],
) -> None:
    model = load_model(fetch("octsam-tiny"), device="cpu")
    found = model.decode(model.encode(PHANTOM.image), [prompt(mask) for mask in LAYERS])
    dice, errors = [], []
    for layer, answer in zip(LAYERS, found, strict=True):
        mask = answer.candidates[0].window.mask(layer.shape)
        both = (mask & layer).sum()
        dice.append(2 * both / (mask.sum() + layer.sum()))
        errors.append(abs(answer.scores[0] - both / (mask | layer).sum()))
    assert np.mean(dice) > 0.88
    assert np.mean(errors) < 0.1
