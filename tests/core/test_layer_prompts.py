"""A prompt that names a layer is answered by the layer that labelling finds, where that fits."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octsam.core.decoded import DecodedObject, ExactMask, LogitWindow
from napari_octsam.core.labelling import Labelling, label_layers
from napari_octsam.core.layer_prompts import names_layer, refined
from napari_octsam.core.prompts import Box, Point, Prompt
from tests.core.test_boundaries import LAYERS7, OCT14, flat_layers, one_hot

INL = 3  # in rows 28 to 31
SHAPE = (60, 80)
IRF = OCT14.find("IRF").value


@pytest.fixture(scope="module")
def labelling() -> Labelling:
    return label_layers(one_hot(flat_layers()), LAYERS7)


def answer() -> DecodedObject:
    """One mask that is as wrong as that of a loose box."""
    window = LogitWindow(10, 20, np.full((30, 20), 2.0, np.float32))
    return DecodedObject((ExactMask(window),), (0.9,), 0)


def mask(prompt: Prompt, labelling: Labelling) -> np.ndarray:
    return refined(answer(), prompt, labelling).window().mask(SHAPE)


def test_a_loose_box_is_the_layer_in_its_columns(labelling: Labelling) -> None:
    found = mask(Prompt(INL, box=Box(20, 10, 40, 50)), labelling)
    expected = np.zeros(SHAPE, bool)
    expected[28:32, 10:51] = True
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "points",
    [
        (Point(29, 40),),
        (Point(33, 40),),
        (Point(29, 4), Point(30, 70), Point(40, 40, False)),
    ],
)
def test_points_on_or_close_to_it_mean_all_of_the_layer(
    labelling: Labelling, points: tuple[Point, ...]
) -> None:
    assert np.array_equal(mask(Prompt(INL, points=points), labelling), flat_layers() == INL)


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt(INL, box=Box(5, 10, 15, 50)),
        Prompt(INL, box=Box(31, 10, 45, 50)),
        Prompt(INL, points=(Point(50, 40),)),
        Prompt(INL, points=(Point(29, 40), Point(30, 60, False))),
        Prompt(INL, box=Box(20, 10, 40, 50), points=(Point(29, 20, False),)),
    ],
    ids=["beside", "holds half of it", "far", "not here", "corrected"],
)
def test_where_the_person_has_marked_something_else_the_models_answer_stays(
    labelling: Labelling, prompt: Prompt
) -> None:
    found = refined(answer(), prompt, labelling)
    assert found.window().row == 10
    assert len(found.candidates) == 1


def test_the_models_own_masks_follow(labelling: Labelling) -> None:
    found = refined(answer(), Prompt(INL, points=(Point(29, 40),)), labelling)
    assert [found.window(wanted).row for wanted in (0, 1)] == [28, 10]
    assert found.scores[1] == 0.9


def test_lesions_shapes_and_classes_that_nobody_chose_are_no_layers() -> None:
    point = (Point(29, 40),)
    assert names_layer(Prompt(INL, points=point), LAYERS7)
    assert not names_layer(Prompt(INL, points=point, names_class=False), LAYERS7)
    assert not names_layer(Prompt(INL, mask=np.ones(SHAPE, bool)), LAYERS7)
    assert not names_layer(Prompt(IRF, points=point), OCT14)
