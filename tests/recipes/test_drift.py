"""octsam-tiny carries objects on: masks do not grow, and what has ended is not invented."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from napari_octsam.core.carrying import CarriedObject, carry_on, labelled_objects
from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.model import Model
from napari_octsam.phantoms.bscan import Finding, Tissue, make_phantom
from recipes.octsam_tiny.carrying import WAYS, drift_of

DATA = Path(os.environ.get("OCTSAM_TEST_DATA", "nowhere"))
SHAPE = (160, 200)
Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load_model("octsam-tiny", device="cpu")


def decode(model: Model, here: Pixels, prompts: Sequence[Prompt]) -> list[DecodedObject]:
    return model.decode(model.encode(here), prompts, bundled_schema("oct14"))


@pytest.mark.slow("octsam-tiny encodes 20 B-scans")
def test_a_layer_does_not_grow_over_20_bscans_of_a_phantom_that_moves(tiny: Model) -> None:
    rng = np.random.default_rng(0)
    made = make_phantom(5, SHAPE, findings=())
    rows = np.cumsum(rng.integers(-3, 4, 20))
    noise = rng.normal(0, 6, (20, *SHAPE))
    bscans = [
        np.clip(np.roll(made.image, row, 0) + each, 0, 255).astype(np.uint8)
        for row, each in zip(rows, noise, strict=True)
    ]
    layer = CarriedObject(6, made.labels == Tissue.RETINAL_PIGMENT_EPITHELIUM)
    found = list(carry_on([layer], made.image, bscans, partial(decode, tiny)))

    assert [len(each.kept) for each in found] == [1] * 20
    areas = np.array([each.objects[0].area for each in found]) / layer.area
    assert areas.min() > 0.8
    assert areas.max() < 1.2
    true = np.roll(layer.mask, rows[-1], 0)
    both = np.count_nonzero(true & found[-1].objects[0].mask)
    assert 2 * both / (layer.area + found[-1].objects[0].area) > 0.8


def test_fluid_that_has_ended_is_not_invented(tiny: Model) -> None:
    there = make_phantom(0, (496, 512), findings=(Finding.SUBRETINAL_FLUID,))
    gone = make_phantom(0, (496, 512), findings=())
    fluid = labelled_objects(there.labels, Finding.SUBRETINAL_FLUID)
    (found,) = carry_on(fluid, there.image, [gone.image], partial(decode, tiny))
    assert not found.kept


@pytest.mark.skipif(not (DATA / "amd_volume").is_dir(), reason="OCTSAM_TEST_DATA has no volume")
@pytest.mark.slow("octsam-tiny encodes 20 B-scans")
@pytest.mark.parametrize("told", [True, False])
def test_a_band_with_drusen_does_not_grow_over_20_bscans_of_an_eye(tiny: Model, told: bool) -> None:
    drift = drift_of(tiny, DATA, 60, 1, *WAYS["as *Carry on* does"], told=told)
    assert drift.bscans == 20
    assert drift.area < 1.15
    assert drift.dice > 0.65
