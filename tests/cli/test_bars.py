"""What a terminal shows while a command is at work: how much of how much is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_octsam.cli import app, console
from tests.small_runs import bscans

Shown = Callable[..., str]


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Run a command in an empty folder; return what a terminal is sent."""
    terminal = console.TextConsole(
        file=StringIO(), force_terminal=True, width=200, color_system=None
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(console, "_err", terminal)

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        assert result.exit_code == 0, result.output
        assert isinstance(terminal.file, StringIO)
        return terminal.file.getvalue()

    return run


def is_shown(phase: str, count: str, text: str) -> bool:
    return re.search(f"{phase} [━╸╺ ]*{count}", text) is not None


def test_a_training_shows_each_of_its_phases_as_a_bar(shown: Shown, tiny_checkpoint: Path) -> None:
    for folder in ("images", "masks"):
        (Path("data") / folder).mkdir(parents=True)
    for number, bscan in enumerate(bscans(3)):
        iio.imwrite(f"data/images/s{number}_1.png", bscan.image)
        iio.imwrite(f"data/masks/s{number}_1.png", bscan.labels)
    options = ("--schema", "layers7", "--adapts", "decoder", "--epochs", 1, "--no-augment")
    text = shown("train", "data", "--base-model", tiny_checkpoint, "--out", "runs", *options)
    for phase, count in (("Checking", "1/3"), ("Encoding", "1/3"), ("Training", "0/1")):
        assert is_shown(phase, count, text), (phase, text)
    assert is_shown("Scoring", "0/1", text)


def test_a_prediction_shows_how_many_bscans_are_done(shown: Shown, tiny_checkpoint: Path) -> None:
    volume = np.stack([bscan.image for bscan in bscans(2)])
    tifffile.imwrite("volume.tif", volume, photometric="minisblack")
    prompts = [{"class": 6, "box": [5, 5, 90, 120], "bscan": [number]} for number in (0, 1)]
    Path("prompts.json").write_text(json.dumps({"prompts": prompts}))
    model = ("--model", tiny_checkpoint, "-o", "labels.tif")
    text = shown("predict", "volume.tif", "--prompts", "prompts.json", *model)
    assert is_shown("Predicting", "0/2", text), text
