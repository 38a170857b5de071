"""The settings of a training: every one has its place."""

from __future__ import annotations

from napari_octsam.core.config import TrainConfig
from napari_octsam.core.config_groups import GROUPS, group_of, label_of


def test_every_setting_is_in_one_group_and_has_words_for_it() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(TrainConfig.model_fields)
    assert group_of("lr") == "Steps"
    assert label_of("lr") == "Learning rate"
    assert label_of("weight_decay") == "Weight decay"
    assert len({label_of(name) for name in names}) == len(names)
    assert all(field.description for field in TrainConfig.model_fields.values())
