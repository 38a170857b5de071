"""Pseudocolour: OpenCV's tables in RGB order, from the settings to the network's input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_octsam.core.config import PSEUDOCOLORS, Pseudocolor, TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.core.pseudocolor import color_table, colored
from napari_octsam.models.architectures import profiles
from napari_octsam.models.header import Header
from napari_octsam.models.profiles import preprocess
from napari_octsam.training.base_model import check_base_model

RECORDED: dict[Pseudocolor, dict[int, tuple[int, int, int]]] = {
    "jet": {0: (0, 0, 128), 64: (0, 128, 255), 128: (130, 255, 126), 255: (128, 0, 0)},
    "hot": {0: (0, 0, 0), 100: (250, 0, 0), 128: (255, 65, 0), 255: (255, 255, 255)},
    "twilight_shifted": {0: (48, 20, 55), 100: (161, 188, 201), 255: (47, 20, 54)},
    "grayscale": {0: (0, 0, 0), 77: (77, 77, 77), 255: (255, 255, 255)},
}
"""Colours by grey level that OpenCV 5.0.0 gives, turned to RGB."""

TABLES: dict[Pseudocolor, str] = json.loads(
    (Path(__file__).parents[1] / "recorded" / "pseudocolors.json").read_text("utf-8")
)["sha256"]
"""SHA-256 of the (256, 3) uint8 RGB table that OpenCV's `applyColorMap` makes of 0 to 255."""

ORIGINAL = (
    "grayscale, Autumn, Bone, Cividis, Cool, Deepgreen, Hot, HSV, Inferno, Jet, Magma, Ocean, "
    "Parula, Pink, Plasma, Rainbow, Viridis, Winter, Spring, Summer, Twilight, Twilight shifted, "
    "Turbo"
)
"""What the original project lets one choose from."""

GREY = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)


@pytest.mark.parametrize("name", PSEUDOCOLORS)
def test_each_colour_map_has_a_table_of_its_own(name: Pseudocolor) -> None:
    table = color_table(name)

    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert sum(np.array_equal(table, color_table(other)) for other in PSEUDOCOLORS) == 1


def test_the_colour_maps_are_those_of_the_original() -> None:
    assert tuple(name.replace(" ", "_") for name in ORIGINAL.lower().split(", ")) == PSEUDOCOLORS
    assert set(TABLES) == set(PSEUDOCOLORS) - {"grayscale"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_opencvs_to_the_last_byte(name: Pseudocolor) -> None:
    assert hashlib.sha256(color_table(name).tobytes()).hexdigest() == TABLES[name]


@pytest.mark.parametrize("name", RECORDED)
def test_colours_are_opencvs_with_red_first(name: Pseudocolor) -> None:
    for level, color in RECORDED[name].items():
        assert tuple(colored(np.full((1, 1), level, np.uint8), name)[0, 0]) == color


def test_the_network_sees_the_colours_with_red_first() -> None:
    rgb = torch.from_numpy(colored(GREY, "jet")).permute(2, 0, 1)
    mean, deviation = (
        torch.tensor(values)[:, None, None]
        for values in ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    )

    sam = preprocess(GREY, "sam", (64, 64), "jet")[0]
    medsam = preprocess(GREY, "medsam", (64, 64), "jet")[0]

    torch.testing.assert_close(sam, (rgb - mean) / deviation)
    torch.testing.assert_close(medsam, rgb / 255, rtol=0, atol=0.01)


@pytest.mark.parametrize("profile", ["sam", "medsam"])
def test_blue_comes_first_where_that_is_said(profile: str) -> None:
    blue_first = colored(GREY, "jet")[..., ::-1]

    seen = preprocess(GREY, profile, (64, 64), "jet", blue_first=True)

    expected = profiles()[profile].preprocess(blue_first.copy(), (64, 64))
    torch.testing.assert_close(seen, expected)
    assert not torch.equal(seen, preprocess(GREY, profile, (64, 64), "jet"))


def test_octsam_tiny_takes_no_colour() -> None:
    with pytest.raises(UserError, match="octsam-tiny sees grey B-scans only, not jet"):
        check_base_model(TrainConfig(pseudocolor="jet"))
    with pytest.raises(ValidationError, match="octsam-tiny sees grey B-scans only, not jet"):
        Header(name="a", architecture="octsam-tiny", profile="octsam-tiny", pseudocolor="jet")
    check_base_model(TrainConfig(base_model="vit_b", pseudocolor="jet"))
