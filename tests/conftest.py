"""Fixtures that several tests need, and how the tests are marked, shared out and reported."""

from __future__ import annotations

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.steered import Jobs

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two workers share two cores

if sys.version_info < (3, 12) and find_spec("PySide6"):
    # PySide6 since 6.11 gives away references that it does not own, see docs/testing.md
    for immortal in (None, True, False):
        ctypes.c_ssize_t.from_address(id(immortal)).value += 1 << 40

SLOW = 5.0
"""Seconds from which a test, or what is set up for it, needs a reason: `slow("reason")`."""

WINDOW_FIXTURES = {"make_napari_viewer", "make_napari_viewer_proxy", "qapp", "qtbot"}
NOT_QUICK = {"windows", "processes", "trainings"}


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by what a test needs; see docs/testing.md."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & WINDOW_FIXTURES:
            item.add_marker("windows")
            item.add_marker(pytest.mark.xdist_group("windows"))
        if not NOT_QUICK & {mark.name for mark in item.iter_markers()}:
            item.add_marker("quick")
        for mark in item.iter_markers("slow"):
            item.user_properties.append(("slow", mark.args[0]))


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

    from napari_octsam.models.checkpoints.checkpoints import save_checkpoint
    from napari_octsam.models.header import Header
    from napari_octsam.models.tiny.network import TinyNetwork

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "random-tiny.safetensors"
    header = Header(name="random tiny", architecture="octsam-tiny", profile="octsam-tiny")
    save_checkpoint(path, TinyNetwork(), header)
    return path


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Jobs:
    """Stands in for the processes of all trainings."""
    from napari_octsam.gui.learning.training import Training
    from napari_octsam.gui.session import session

    jobs = Jobs()
    monkeypatch.setenv("OCTSAM_DATA", str(tmp_path / "own"))
    monkeypatch.setattr(session, "Training", lambda main: Training(main, jobs))
    return jobs
