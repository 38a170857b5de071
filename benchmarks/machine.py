"""The machine that a benchmark ran on, and what else it was doing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
import torch

__all__ = ["describe_load", "describe_machine"]

_VECTOR_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_PACKAGES = ("napari", "torch", "segment-anything")
_BUSY = 0.25
"""Share of the cores whose use by others is worth a warning."""


def describe_machine() -> list[tuple[str, str]]:
    """Return names and values: the processor, the system, the versions, the date."""
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return [
        ("processor", _processor()),
        ("cores", f"{psutil.cpu_count(logical=False)}, {psutil.cpu_count()} threads"),
        ("vector instructions", _vector_instructions()),
        ("memory", f"{memory:.0f} GiB"),
        ("system", f"{_system()}, {platform.machine()}"),
        ("Python", platform.python_version()),
        ("packages", packages),
        ("napari-octsam", f"{version('napari-octsam')}{_commit()}"),
        ("date", datetime.now(UTC).date().isoformat()),
    ]


def describe_load() -> str:
    """Return a warning where other programs keep the machine busy, or ""."""
    cores = os.cpu_count() or 1
    busy = psutil.cpu_percent(interval=1.0) / 100 * cores
    if busy < _BUSY * cores:
        return ""
    return (
        f"Other programs used {busy:.1f} of {cores} cores when this began: "
        "the times are too long, and the ratios unsure."
    )


def _processor() -> str:
    if sys.platform == "linux":
        found = _cpuinfo("model name")
    elif sys.platform == "darwin":
        found = _output("sysctl", "-n", "machdep.cpu.brand_string")
    else:
        found = ""
    return found or platform.processor() or "unknown"


def _vector_instructions() -> str:
    flags = _cpuinfo("flags").split() if sys.platform == "linux" else []
    known = [flag for flag in _VECTOR_FLAGS if flag in flags]
    return ", ".join(known) or torch.backends.cpu.get_cpu_capability()


def _cpuinfo(field: str) -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""


def _system() -> str:
    if sys.platform == "linux":
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{platform.system()} {platform.release()}"


def _commit() -> str:
    described = _output("git", "describe", "--always", "--dirty", "--exclude=*")
    return f" ({described})" if described else ""


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
