"""Files that are changed at random: every command refuses in a sentence, or does its work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.mutations import COMMANDS, make_files, try_command

TRIES = 5


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    folder = tmp_path_factory.mktemp("files")
    make_files(folder, tiny_checkpoint)
    return folder


@pytest.mark.slow("runs each command several times")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_changed_file_is_refused_in_a_sentence_or_does_no_harm(
    files: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setenv("OCTSAM_HOME", str(files / "home"))
    rng = np.random.default_rng(list(COMMANDS).index(command))
    outcomes = [try_command(files, command, rng) for _ in range(TRIES)]

    assert [fault for each in outcomes for fault in each.faults] == []
