"""Every process that we start is isolated from the folder that it is started in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

import napari_octsam
from napari_octsam.cli import checks, demo
from napari_octsam.core.processes import isolated_environment, isolated_python
from napari_octsam.engine import process
from napari_octsam.engine.predict import client as predict_client
from napari_octsam.engine.train import client as train_client

SOURCES = Path(napari_octsam.__file__).parent
TRAPS = ("qtpy", "napari", "torch", "json", "sitecustomize")


class StartedError(Exception):
    """A process would be started now."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(command)
        self.command, self.environment = list(command), dict(environment)


def started(command: Sequence[str], *, env: Mapping[str, str], **_: Any) -> NoReturn:
    raise StartedError(command, env)


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which Python takes modules from, has some that are not ours."""
    folder = tmp_path / "trap"
    folder.mkdir()
    for name in TRAPS:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend("")
    monkeypatch.syspath_prepend(str(folder))
    named = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", named, ""]))
    monkeypatch.setattr(process.subprocess, "Popen", started)
    monkeypatch.setattr(checks.subprocess, "run", started)
    monkeypatch.setattr(demo.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(demo.os, "execve", lambda _, command, env: started(command, env=env))
    return folder


STARTS: dict[str, Callable[[Path], object]] = {
    "the engine that predicts": lambda folder: predict_client._launch(folder, 1),
    "the engine that trains": lambda folder: train_client._launch(folder),
    "doctor: Qt": lambda _: checks._check_qt(),
    "doctor: OpenGL": lambda _: checks._check_opengl(),
    "doctor: torch": lambda _: checks._check_torch(),
    "demo": lambda folder: demo._run_on_virtual_display(None, folder),
    "demo of a picture": lambda folder: demo._run_on_virtual_display(folder / "a.png", folder),
}


@pytest.mark.parametrize("what", STARTS)
def test_a_process_imports_nothing_from_the_current_folder(
    what: str, trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StartedError) as caught:
        STARTS[what](tmp_path / "log")
    monkeypatch.undo()

    command, environment = caught.value.command, caught.value.environment
    python = command[command.index(sys.executable) : command.index("-m")]
    code = f"import sys, importlib.util as u; print([*map(u.find_spec, {TRAPS[:4]})], sys.path)"
    done = subprocess.run(
        [*python, "-c", code], cwd=trap, env=environment, capture_output=True, text=True, check=True
    )

    assert str(trap) not in done.stdout
    assert "''" not in done.stdout
    assert not (tmp_path / "ran").exists()


def test_the_trap_is_one(trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = dict(os.environ)
    monkeypatch.undo()
    subprocess.run([sys.executable, "-m", "napari"], cwd=trap, env=environment, capture_output=True)
    assert "napari" in (tmp_path / "ran").read_text()


def test_a_folder_that_is_named_stays(trap: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(trap))
    assert str(trap) in isolated_environment()["PYTHONPATH"].split(os.pathsep)


def test_nothing_else_starts_a_process() -> None:
    """A new place belongs into STARTS, and takes its command from `core.processes`."""
    starts = r"\bsubprocess\.(run|Popen|call|check_\w+)\(|\bos\.(exec|spawn|system|popen|posix_sp)"
    texts = {
        path.relative_to(SOURCES).as_posix(): path.read_text("utf-8")
        for path in SOURCES.rglob("*.py")
    }
    assert {name for name, text in texts.items() if re.search(starts, text)} == {
        "cli/checks.py",
        "cli/demo.py",
        "engine/process.py",
    }
    pythons = {name for name, text in texts.items() if "sys.executable" in text}
    assert pythons == {"core/processes.py", "engine/process.py"}
    assert isolated_python("-m", "x", executable="python") == ["python", "-P", "-m", "x"]
