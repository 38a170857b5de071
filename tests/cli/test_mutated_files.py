"""Files that are changed at random: every command refuses in a sentence, or does its work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mutations import COMMANDS, make_files, try_command
from napari_octsam.core.errors import UserError
from tests.small_runs import call_it_tiny, save_small

TRIES = 5


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patched:
        call_it_tiny(patched)
        save_small(folder / "small.safetensors")
        make_files(folder, folder / "small.safetensors")
        yield folder


def faults(files: Path, command: str) -> list[str]:
    rng = np.random.default_rng(list(COMMANDS).index(command))
    outcomes = [try_command(files, command, rng) for _ in range(TRIES)]
    return [fault for each in outcomes for fault in each.faults]


@pytest.mark.slow("runs each command several times")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_changed_file_is_refused_in_a_sentence_or_does_no_harm(
    files: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setenv("OCTSAM_HOME", str(files / "home"))
    assert faults(files, command) == []


def test_the_demo_of_a_changed_picture_is_refused_before_a_window_opens(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_window(**_: object) -> None:
        raise UserError("It can be read.")

    monkeypatch.chdir(files)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("napari.Viewer", open_window)
    monkeypatch.setitem(COMMANDS, "demo", ("bscan.tif", ["demo", "bscan.tif", "-o", "new"]))
    assert faults(files, "demo") == []
