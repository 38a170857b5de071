"""The recipe of octsam-tiny, from the command to a model that predicts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from recipes.octsam_tiny.__main__ import app
from recipes.octsam_tiny.loop import Pretraining
from recipes.octsam_tiny.recipe import read_recipe
from recipes.octsam_tiny.sources import octsam_tiny_sources
from tests.running import forked

RECIPE = """
seed = 5
[[stages]]
steps = {steps}
views = 1
columns = 64
objects = 2
data = {{ layers = 0, fluid = 0, phantoms = 1 }}
"""


def recipe(folder: Path, steps: int) -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(steps=steps))
    return path


def test_a_training_ends_with_a_model_that_predicts(tmp_path: Path) -> None:
    output = tmp_path / "mine.safetensors"
    words = ["train", tmp_path, "-o", output, "--config", recipe(tmp_path, 2)]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "Step 2 of 2 is saved: " in done.stderr
    model = load_model(output, device="cpu")
    assert model.header.name == "mine"
    assert model.header.training["steps"] == 2
    assert model.header.training["data"] == "phantoms"
    assert output.stat().st_size < 10_000_000
    embedding = model.encode(np.zeros((64, 96), np.uint8))
    (found,) = model.decode(embedding, [Prompt(1, box=Box(10, 10, 30, 80))])
    assert len(found.candidates) == 4
    assert not (tmp_path / "mine.safetensors.state").exists()


def test_the_same_command_goes_on_where_a_training_was_stopped(tmp_path: Path) -> None:
    output = tmp_path / "mine.safetensors"
    state = tmp_path / "mine.safetensors.state"
    config = recipe(tmp_path, 3)
    stopped = Pretraining(octsam_tiny_sources(tmp_path), read_recipe(config))
    next(stopped.run())
    stopped.save(state)
    words = ["train", tmp_path, "-o", output, "--config", config]
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "300"})
    assert done.exit_code == 0, done.output
    assert f"Going on from step 1 of {state}." in done.stderr
    assert "2 steps to go" in done.stderr
    assert read_checkpoint(output).header.training["steps"] == 3
    assert not state.exists()


@pytest.mark.slow("a real process imports torch")
def test_without_its_data_the_recipe_says_so_in_a_sentence(tmp_path: Path) -> None:
    words = ["train", str(tmp_path), "-o", str(tmp_path / "mine.safetensors")]
    command = [sys.executable, "-m", "recipes.octsam_tiny", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    images = tmp_path / "octrima" / "images"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"There is no folder {images}.\n"


def pretrain(*words: str) -> None:
    """What `python -m recipes.octsam_tiny` does, for `forked`."""
    app(words)


@pytest.mark.slow("where it is the first to fork, it waits until torch is there to fork from")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_ctrl_c_saves_what_was_reached_for_the_same_command(tmp_path: Path) -> None:
    output = tmp_path / "mine.safetensors"
    words = ["train", tmp_path, "-o", output, "--config", recipe(tmp_path, 10_000)]
    process = forked(pretrain, *map(str, words), folder=tmp_path, COLUMNS="300")
    process.until("10000 steps to go")
    process.send(signal.SIGINT)
    code, said = process.end()
    assert code == 130, said
    assert "the same command goes on" in said
    state = tmp_path / "mine.safetensors.state"
    assert state.exists()
    words = ["train", tmp_path, "-o", output, "--config", recipe(tmp_path, 3)]
    other = CliRunner().invoke(app, [str(word) for word in words])
    assert other.exit_code == 1
    assert "another recipe or seed" in other.stderr
