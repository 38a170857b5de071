"""Settings that a base model cannot take, as `octsam train` says so."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_octsam.cli import app
from napari_octsam.cli.separate import one_for_each_class
from napari_octsam.core.config import PRESETS, TrainConfig, layered
from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.training.data import read_data
from tests.small_runs import bscans

LORA = "octsam-tiny is convolutional and cannot take the low-rank adapters of 'lora': choose a SAM"
JET = "octsam-tiny sees grey B-scans only, not jet: choose a SAM, such as vit_b, as base_model."


@pytest.mark.parametrize(
    ("settings", "options", "sentence"),
    [
        ("", ("--adapts", "lora"), LORA),
        ("", ("--pseudocolor", "jet"), JET),
        ("adapts = 'lora'", (), LORA),
        ("adapts = 'lora'", ("--base-model", "vit_b"), "where the run's folder is to be made"),
        ("profile = 'imagenet'", (), "There is no preprocessing 'imagenet': use sam, medsam or"),
    ],
)
def test_what_does_not_fit_the_base_model_is_said_before_any_data_is_read(
    tmp_path: Path, settings: str, options: tuple[str, ...], sentence: str
) -> None:
    path = tmp_path / "train.toml"
    path.write_text(f"data = 'nowhere'\n{settings}")
    done = CliRunner().invoke(app, ["train", str(path), *options])
    assert done.exit_code != 0
    said = " ".join(f"{done.output} {done.exception}".split())
    assert sentence in said


def test_an_option_of_the_originals_is_told_by_its_name_here() -> None:
    for option, here in (("--bs", "--batch-size"), ("--weight_decay=0.1", "--weight-decay")):
        done = CliRunner().invoke(app, ["train", "data", option, "4"])
        assert done.exit_code == 1
        assert f"{option.partition('=')[0]} is {here} here." in f"{done.output} {done.exception}"


def test_settings_of_options_go_before_a_file_and_these_before_a_preset(tmp_path: Path) -> None:
    in_file = {"epochs": 30, "lr": 0.01, "topology": "none"}
    config = TrainConfig.model_validate(
        layered(PRESETS["octsam-2023"], in_file, {"lr": 0.02, "minutes": 2.0})
    )
    assert (config.base_model, config.background, config.shuffle) == ("vit_b", True, False)
    assert (config.lr, config.topology) == (0.02, "none")
    assert (config.minutes, config.epochs) == (2.0, None)
    plain = TrainConfig.model_validate(PRESETS["octsam-2023"]).suited(names=False)
    assert (plain.epochs, plain.batch_size, plain.lr, plain.schedule) == (10, 2, 1e-3, "constant")


def test_models_are_known_by_the_names_that_they_have_elsewhere() -> None:
    assert TrainConfig(base_model="facebook/sam-vit-large").base_model == "vit_l"
    with pytest.raises(UserError, match=r"get medsam_vit_b\.pth .* and give its path"):
        load_model("wanglab/medsam-vit-base")


@pytest.mark.parametrize("text", ["0.7,0.3", "0.5,0.2,0.2", "0,0.5,0.5", "a,b,c", "1.2,-0.2,0"])
def test_shares_that_make_no_split_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="share"):
        TrainConfig(split=text)


def write_data(folder: Path, count: int) -> None:
    for number, bscan in enumerate(bscans(count)):
        for kind, plane in (("images", bscan.image), ("masks", bscan.labels)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            iio.imwrite(folder / kind / f"s{number}_1.png", plane)


def test_only_some_classes_are_learnt_and_the_split_is_as_asked(tmp_path: Path) -> None:
    write_data(tmp_path, 10)
    config = TrainConfig(
        data=str(tmp_path), label_schema="layers7", classes="RPE, inl", split="0.5,0.5,0"
    )
    data = read_data(config)
    assert [c.value for c in data.schema.classes] == [0, 3, 7]
    assert set(np.unique(data.training[0].labels)) == {0, 3, 7}
    assert (len(data.training), len(data.validation), len(data.test)) == (5, 5, 0)
    with pytest.raises(UserError, match="has no class 'XYZ'"):
        read_data(config.model_copy(update={"classes": "XYZ"}))


def test_each_class_gets_a_training_of_its_own(tmp_path: Path) -> None:
    write_data(tmp_path, 1)
    config = TrainConfig(data=str(tmp_path), label_schema="layers7", display_name="mine")
    each = one_for_each_class(config)
    assert [one.classes for one in each][:2] == ["RNFL", "GCL+IPL"]
    assert len(each) == 7
    assert each[0].display_name == "mine RNFL"
    (one,) = one_for_each_class(config.model_copy(update={"classes": "7"}))
    assert one.classes == "RPE"
