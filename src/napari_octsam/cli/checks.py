"""What `octsam doctor` looks at: each check returns what it found, a verdict and what to do."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from napari_octsam.core.errors import UserError
from napari_octsam.core.folders import (
    cache_folder,
    close_to_others,
    data_folder,
    make_private,
    open_to_others,
)
from napari_octsam.core.processes import isolated_environment, isolated_python

__all__ = ["CHECKS", "Finding", "Verdict", "examine", "loses_none", "mend_privacy"]

_PROBE_SECONDS = 120
_LITTLE_DISK, _NO_DISK = 5_000_000_000, 500_000_000
_SOFTWARE_RENDERERS = ("llvmpipe", "softpipe", "swrast", "gdi generic", "microsoft basic")
_BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")


class Verdict(StrEnum):
    """How good a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `advice` says what to do where it is not ok."""

    found: str
    verdict: Verdict = Verdict.OK
    advice: str = ""


def examine(check: Callable[[], Finding]) -> Finding:
    """Return the check's finding; a check that fails is a problem, never an exception."""
    try:
        return check()
    except Exception as error:
        reason = (str(error).splitlines() or [""])[-1] or type(error).__name__
        return Finding(reason, Verdict.PROBLEM, "The check itself failed: please report this line.")


def _check_versions() -> Finding:
    names = ("napari-octsam", "napari", "numpy", "torch", "torchvision", "segment-anything")
    versions = {name: _version(name) for name in names}
    found = ", ".join(f"{name} {v or 'missing'}" for name, v in versions.items())
    found += f", Python {platform.python_version()} on {platform.platform(terse=True)}"
    if all(versions.values()):
        return Finding(found)
    return Finding(found, Verdict.PROBLEM, 'pip install "napari-octsam[all]"')


def _check_plugin() -> Finding:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_distribution("napari-octsam")
    widgets = [widget.display_name for widget in manifest.contributions.widgets or ()]
    return Finding(f"napari finds the widgets {', '.join(widgets)}")


def _check_qt() -> Finding:
    bindings = [name for name in _BINDINGS if _version(name) is not None]
    if not bindings:
        return Finding("no binding", Verdict.PROBLEM, 'pip install "napari[pyqt6]"')
    answer = _ask("qt")
    if isinstance(answer, str):
        advice = "On Debian or Ubuntu install libegl1, libxkbcommon-x11-0 and libxcb-cursor0."
        return Finding(answer, Verdict.PROBLEM, advice)
    found = f"{answer['binding']}, Qt {answer['qt']}"
    if len(bindings) > 1:
        advice = f"Keep one binding: {', '.join(bindings)} in one environment can clash."
        return Finding(found, Verdict.WARNING, advice)
    if bindings == ["PySide6"] and loses_none(_version("PySide6") or "0", sys.version_info[:2]):
        advice = (
            "This PySide6 wears out Python 3.11 until napari aborts, after hours of work: use "
            'Python 3.12 or newer, or "PySide6<6.11", or PyQt6.'
        )
        return Finding(f"{found} on Python 3.11", Verdict.PROBLEM, advice)
    return Finding(found)


def loses_none(pyside: str, python: tuple[int, int]) -> bool:
    """Whether a version of PySide6 gives away references to None that this Python counts.

    See docs/testing.md: at the last one, Python aborts.
    """
    release = tuple(int(part) for part in pyside.split(".")[:2])
    return release >= (6, 11) and python < (3, 12)


def _check_opengl() -> Finding:
    virtual = sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if virtual and shutil.which("xvfb-run") is None:
        advice = "napari needs a display; without one install xvfb and xauth."
        return Finding("no display", Verdict.WARNING, advice)
    answer = _ask("opengl", *(["xvfb-run", "-a"] if virtual else []))
    if isinstance(answer, str):
        advice = "Update the graphics driver; on Debian or Ubuntu install libgl1 and libglx-mesa0."
        return Finding(answer, Verdict.PROBLEM, advice)
    found = f"{answer['renderer']}, OpenGL {answer['version']}"
    if virtual:
        return Finding(f"{found}, on a virtual display")
    if any(name in answer["renderer"].casefold() for name in _SOFTWARE_RENDERERS):
        advice = "The processor draws, which is slow on large volumes: install a graphics driver."
        return Finding(found, Verdict.WARNING, advice)
    return Finding(found)


def _check_torch() -> Finding:
    answer = _ask("torch")
    if isinstance(answer, str):
        return Finding(answer, Verdict.PROBLEM, "pip install --upgrade torch torchvision")
    found = f"torch {answer['version']}"
    if answer["gpu"] is not None:
        return Finding(f"{found} on {answer['gpu']}")
    if answer["mps"]:
        return Finding(f"{found} on Apple's GPU (mps)")
    found += f" on the processor, {answer['threads']} threads"
    if shutil.which("nvidia-smi") is not None:
        advice = "There is an NVIDIA GPU that torch cannot use: install a CUDA build of torch."
        return Finding(found, Verdict.WARNING, advice)
    return Finding(found)


def _check_cache() -> Finding:
    folder = cache_folder()
    advice = "Make the folder writable, or set another cache folder in napari's preferences."
    try:
        make_private(folder)
        with tempfile.TemporaryFile(dir=folder):
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except OSError as error:
        return Finding(f"{folder}: {error.strerror}", Verdict.PROBLEM, advice)
    return Finding(f"{folder}, writable, holds {decimal(size)}")


def _check_disk() -> Finding:
    folder = cache_folder()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    found = f"{decimal(free)} free at {there}"
    if free < _LITTLE_DISK:
        verdict = Verdict.PROBLEM if free < _NO_DISK else Verdict.WARNING
        return Finding(found, verdict, "Models and embeddings need some GB: free some space.")
    return Finding(found)


def _check_privacy() -> Finding:
    if sys.platform == "win32":
        return Finding("not looked at: Windows keeps rights elsewhere")
    exposed = [path for folder in _kept() for path in open_to_others(folder)]
    if not exposed:
        return Finding("what is kept is for you alone")
    found = f"others can get at {exposed[0]}"
    if len(exposed) > 1:
        found += f" and {len(exposed) - 1} more"
    advice = "They show B-scans and may name patients: octsam doctor --fix closes them to others."
    return Finding(found, Verdict.WARNING, advice)


def mend_privacy() -> int:
    """Close what is kept to others; return how much was open.

    Raises
    ------
    UserError
        Something belongs to somebody else.
    """
    exposed = [path for folder in _kept() for path in open_to_others(folder)]
    for folder in _kept():
        try:
            close_to_others(folder)
        except OSError as error:
            raise UserError(
                f"Cannot close {error.filename} to others: {error.strerror}. Ask whoever it "
                "belongs to, or set OCTSAM_HOME and OCTSAM_DATA to folders of your own."
            ) from error
    return len(exposed)


def _kept() -> list[Path]:
    """Return the folders there are of embeddings, logs, annotations and models."""
    return [folder for folder in (cache_folder(), data_folder()) if folder.is_dir()]


CHECKS: dict[str, Callable[[], Finding]] = {
    "versions": _check_versions,
    "plugin": _check_plugin,
    "Qt": _check_qt,
    "OpenGL": _check_opengl,
    "device": _check_torch,
    "cache": _check_cache,
    "disk": _check_disk,
    "privacy": _check_privacy,
}
"""The checks, by the name that the table shows."""


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _ask(probe: str, *before: str) -> dict[str, Any] | str:
    """Return a probe's answer, or in one line why there is none."""
    command = [*before, *isolated_python("-m", "napari_octsam.cli.probes", probe)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            env=isolated_environment(),
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_SECONDS} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"ended with code {done.returncode}"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
