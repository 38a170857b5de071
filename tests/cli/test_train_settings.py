"""Settings that a base model cannot take, as `octsam train` says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_octsam.cli import app

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
