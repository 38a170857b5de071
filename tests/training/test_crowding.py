"""What is told of B-scans with more objects than a step takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_octsam.training.crowding import count_objects, crowding_note
from napari_octsam.training.data import read_data
from napari_octsam.training.prompts.components import component_objects
from tests.data.test_datasets import SHAPE, write_pair
from tests.small_runs import CONFIG


@given(npst.arrays(np.uint8, (7, 8), elements=st.sampled_from([0, 1, 2, 9, 255])))
@settings(deadline=None)
def test_the_objects_are_those_that_are_trained_on(labels: np.ndarray) -> None:
    config = CONFIG.model_copy(update={"objects": 99})
    for values in ([1, 2, 9], [0, 1, 2, 9]):
        drawn = component_objects(labels, values, config, np.random.default_rng(0))
        assert count_objects(labels, values) == len(drawn)


@pytest.mark.parametrize(("objects", "background"), [(12, False), (13, True), (11, False)])
def test_more_objects_than_a_step_takes_are_told_before_the_training(
    tmp_path: Path, objects: int, background: bool
) -> None:
    crowd = np.zeros(SHAPE, np.uint8)
    crowd[5, ::5] = 2
    for name in ("s1_1", "s2_1"):
        write_pair(tmp_path, name, int(name[1]), crowd)
    data = read_data(CONFIG.model_copy(update={"data": str(tmp_path)}))
    values = [each.value for each in data.schema.asked(background=background)]
    told = crowding_note(data.training, values, objects)
    assert bool(told) == (objects == 11)
    if told:
        assert told.startswith("2 B-scans have more than 11 objects (pieces of a class), up to 12")
        assert "Each epoch takes 11" in told
