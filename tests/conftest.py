"""Fixtures that several tests need, and how the tests are marked, shared out and reported."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.running import ForkedPopen, forked, run_named
from tests.steered import Jobs

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two workers share two cores

for name in ("COLUMNS", "LINES"):  # of no terminal: readline sets them for the processes it starts
    os.environ.pop(name, None)

if sys.version_info < (3, 12) and find_spec("PySide6"):
    # PySide6 since 6.11 gives away references that it does not own, see docs/testing.md
    for immortal in (None, True, False):
        ctypes.c_ssize_t.from_address(id(immortal)).value += 1 << 40

SLOW = 5.0
"""Seconds from which a test, or what is set up for it, needs a reason: `slow("reason")`."""

_TESTS = Path(__file__).parent
_WINDOWS = {"make_napari_viewer", "make_napari_viewer_proxy", "qapp", "qtbot"}
_QUICK_ROOMS = {"core", "data", "evaluation", "gui", "models", "phantoms", "topology"}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that share a worker, the quick ones, and why others are slow."""
    for item in items:
        slow = item.get_closest_marker("slow")
        if _has_window(item):
            item.add_marker(pytest.mark.xdist_group("windows"))
        elif slow is None and _room_of(item) in _QUICK_ROOMS:
            item.add_marker("quick")
        if slow is not None:
            item.user_properties.append(("slow", slow.args[0]))
    if "PYTEST_XDIST_WORKER" in os.environ:  # no worker is to begin with a long test at the end
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Prepare for windows.

    The compiler of torch is loaded before that of OpenGL: after it, it ends the process. What the
    imports made is of no interest to the garbage collector, which napari's fixture calls twice.
    """
    if any(_has_window(item) for item in session.items):
        if "torch" in sys.modules or any(_room_of(item) != "gui" for item in session.items):
            import_module("torch._dynamo")
        gc.collect()
        gc.freeze()


def _room_of(item: pytest.Item) -> str:
    return item.path.relative_to(_TESTS).parts[0]


def _has_window(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and bool(_WINDOWS & set(item.fixturenames))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what took long, with the reason."""
    reports = [
        report
        for kind in terminalreporter.stats.values()
        for report in kind
        if isinstance(report, pytest.TestReport) and report.duration > SLOW
    ]
    if reports:
        terminalreporter.section(f"over {SLOW:.0f} s")
    for report in sorted(reports, key=lambda each: -each.duration):
        reason = dict(report.user_properties).get("slow", "NO REASON GIVEN")
        terminalreporter.line(f"{report.duration:5.1f} s {report.when} {report.nodeid}: {reason}")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of octsam-tiny with random weights."""
    import torch

    from napari_octsam.models.checkpoints.save import save_checkpoint
    from napari_octsam.models.header import Header
    from napari_octsam.models.tiny.network import TinyNetwork

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "random-tiny.safetensors"
    header = Header(name="random tiny", architecture="octsam-tiny", profile="octsam-tiny")
    save_checkpoint(path, TinyNetwork(), header)
    return path


@pytest.fixture(scope="session")
def _small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "small.safetensors"
    process = forked(run_named, "tests.small_runs:save_small", path, folder=path.parent)
    assert process.end() == (0, "")
    return path


@pytest.fixture
def small_checkpoint(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of a small network, which the engine's forked processes take for octsam-tiny.

    It is made by another process: torch stays out of this one.
    """
    if sys.platform != "linux":
        checkpoint: Path = request.getfixturevalue("tiny_checkpoint")
        return checkpoint
    monkeypatch.setattr(ForkedPopen, "first", ["tests.small_runs:call_it_tiny"])
    small: Path = request.getfixturevalue("_small_file")
    return small


@pytest.fixture(autouse=True)
def own_folder(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    """Keep what windows remember, labels above all, out of the folder of whoever runs the tests."""
    if _room_of(request.node) in ("gui", "benchmarks") or _has_window(request.node):
        monkeypatch.setenv("OCTSAM_DATA", str(tmp_path_factory.mktemp("own")))


@pytest.fixture(autouse=True)
def forked_engines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the engine's processes from one that has torch, where a test does not want real ones.

    `real_process` wants them real, with names of modules those that run these.
    """
    real = request.node.get_closest_marker("real_process")
    if sys.platform != "linux" or _room_of(request.node) not in ("engine", "gui"):
        return
    if real is not None and not real.args:
        return
    from napari_octsam.engine import process

    def popen(command: list[str], **options: Any) -> Any:
        is_real = real is not None and set(real.args) & set(command)
        return (subprocess.Popen if is_real else ForkedPopen)(command, **options)

    forking = SimpleNamespace(**{**vars(subprocess), "Popen": popen})
    monkeypatch.setattr(process, "subprocess", forking)


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Jobs:
    """Stands in for the processes of all trainings."""
    from napari_octsam.gui.session import session
    from napari_octsam.gui.session.training import Training

    jobs = Jobs()
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path / "own"))
    monkeypatch.setattr(session, "Training", lambda main: Training(main, jobs))
    return jobs
