"""What a step learns from: the objects, and the classes that their prompts name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_octsam.training.draws import StepDraws, naming_half
from napari_octsam.training.prompts.simulation import SimulatedObject
from tests.small_runs import CONFIG, SCHEMA, bscans, fine_tuning


def drawn() -> list[tuple[int, bool, SimulatedObject]]:
    draws = StepDraws(bscans(3), SCHEMA, CONFIG)
    return [
        (int(each.view.labels[each_object.mask][0]), each_object.prompt.names_class, each_object)
        for epoch in range(20)
        for each in draws.drawn(epoch, 0, draws.steps)
        for each_object in each.objects
    ]


def test_half_of_the_prompts_name_the_class_of_their_object() -> None:
    objects = drawn()
    assert all(each.prompt.class_value == value for value, _, each in objects)
    named = [is_named for _, is_named, _ in objects]
    assert 0.35 < np.mean(named) < 0.65
    assert [is_named for _, is_named, _ in drawn()] == named


def test_naming_changes_nothing_else_of_a_prompt() -> None:
    objects = [each for _, _, each in drawn()][:9]
    for before, after in zip(objects, naming_half(objects, np.random.default_rng(0)), strict=True):
        assert after.mask is before.mask
        assert (after.prompt.box, after.prompt.points) == (before.prompt.box, before.prompt.points)


def test_fine_tuning_learns_the_classes_that_are_named_and_what_is_asked_without(
    tmp_path: Path,
) -> None:
    run = fine_tuning(tmp_path)
    list(run.run())
    asked = run.weights()["mask_decoder.asked"].any(dim=1).tolist()
    assert set(np.flatnonzero(asked)) <= {*range(1, 8), len(asked) - 1}
    assert any(asked[1:8])
    assert asked[-1]
