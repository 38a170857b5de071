"""The settings of a training: every one has its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_octsam.core.config import TrainConfig, read_settings
from napari_octsam.core.config_groups import GROUPS, group_of, label_of
from napari_octsam.core.errors import UserError


def test_every_setting_is_in_one_group_and_has_words_for_it() -> None:
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(TrainConfig.model_fields)
    assert group_of("lr") == "Steps"
    assert label_of("lr") == "Learning rate"
    assert label_of("weight_decay") == "Weight decay"
    assert len({label_of(name) for name in names}) == len(names)
    assert all(field.description for field in TrainConfig.model_fields.values())


@pytest.mark.parametrize(
    "name", ["lr", "lora_alpha", "weight_decay", "gradient_clip", "topology_weight"]
)
@pytest.mark.parametrize("number", ["inf", "nan"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, name: str, number: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(f"{name} = {number}")
    with pytest.raises(UserError, match=name):
        read_settings(path, TrainConfig)


def test_settings_that_windows_notepad_saved_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("\ufeffepochs = 3", "utf-8")
    assert read_settings(path, TrainConfig).epochs == 3
