"""The outline of an object keeps to its edge between clicks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("napari")

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.labelling import Probabilities
from napari_octsam.gui.correcting.livewire import (
    Costs,
    Path,
    Wire,
    filled,
    wire_costs,
    wire_costs_of_class,
)
from napari_octsam.gui.correcting.prompt_tool import outline_of
from tests.core.test_boundaries import one_hot

FLUID = bundled_schema("fluid")
MIDDLE, RADIUS, SHAPE = (60, 70), 25, (120, 140)


def disc() -> np.ndarray:
    row, col = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return (row - MIDDLE[0]) ** 2 + (col - MIDDLE[1]) ** 2 <= RADIUS**2


def outlined(costs: Costs) -> Path:
    row, col = MIDDLE
    corners = [(row - RADIUS, col), (row, col + RADIUS), (row + RADIUS, col), (row, col - RADIUS)]
    pairs = zip(corners, [*corners[1:], corners[0]], strict=True)
    return [pixel for begin, end in pairs for pixel in Wire(costs, begin).to(end)]


def overlap(path: Path) -> float:
    found = filled(path, SHAPE)
    return float(2 * (found & disc()).sum() / (found.sum() + disc().sum()))


def test_four_clicks_outline_a_disc_in_noise_that_straight_lines_would_miss() -> None:
    rng = np.random.default_rng(0)
    image = np.clip(np.where(disc(), 150, 60) + rng.normal(0, 20, SHAPE), 0, 255)
    assert overlap(outlined(wire_costs(image.astype(np.uint8)))) > 0.95
    assert overlap(outlined(np.ones(SHAPE, np.float32))) < 0.85


def test_what_a_model_sees_of_the_class_is_kept_to_where_the_image_shows_nothing() -> None:
    seen: Probabilities = one_hot(disc().astype(np.uint8), FLUID)
    assert overlap(outlined(wire_costs_of_class(seen, 1, FLUID))) > 0.95


def test_a_place_too_far_off_is_reached_straight() -> None:
    costs = np.ones((20, 500), np.float32)
    assert Wire(costs, (5, 10)).to((15, 400))[-1] == (15, 400)
    assert Wire(costs, (0, 0)).to((19, 100))[0] == (0, 0)


def test_the_outline_of_a_mask_fills_it_again() -> None:
    mask = disc()
    mask[0:4, 0:9] = False
    rows, cols = outline_of(mask).T
    from skimage.draw import polygon

    again = np.zeros(SHAPE, bool)
    again[polygon(rows, cols, SHAPE)] = True
    assert np.count_nonzero(again != mask) < 0.04 * mask.sum()
    edge = np.zeros(SHAPE, bool)
    edge[:30, :20] = True
    assert outline_of(edge).min() == -0.5, "up to the border of the B-scan"
