"""`python -m benchmarks.cohort_scaling`: a folder labelled and measured by one and two processes.

Each run is the command as a person types it, with a cache of its own: so the seconds have the start
of all processes in them. What a volume costs is told by the difference to half a folder.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import tifffile
import typer

from napari_octsam.core.processes import isolated_environment, isolated_python
from napari_octsam.phantoms.bscan import make_phantom

_SPACING = "240,3.9,11.5"
_HALF, _WHOLE = "half", "whole"


def main(
    volumes: Annotated[int, typer.Option(min=4)] = 8,
    bscans: Annotated[int, typer.Option(min=2)] = 5,
    processes: Annotated[list[int] | None, typer.Option("--workers", min=1)] = None,
) -> None:
    """Measure how a cohort scales on this machine."""
    print(f"{volumes} volumes of {bscans} B-scans of 496 x 512 pixels, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="octsam-cohort-") as name:
        folder = Path(name)
        _write_scans(folder / _HALF, volumes // 2, bscans)
        _write_scans(folder / _WHOLE, volumes, bscans)
        for number in processes or [1, 2]:
            _time_both(folder, volumes, number)


def _write_scans(folder: Path, volumes: int, bscans: int) -> None:
    folder.mkdir()
    for volume in range(volumes):
        pixels = [make_phantom(volume * bscans + n, (496, 512)).image for n in range(bscans)]
        path = folder / f"{volume}.tif"
        tifffile.imwrite(path, np.stack(pixels), photometric="minisblack")


def _time_both(folder: Path, volumes: int, processes: int) -> None:
    halves, wholes = (_label_and_measure(folder, part, processes) for part in (_HALF, _WHOLE))
    for name, half in halves.items():
        each = (wholes[name] - half) / (volumes - volumes // 2)
        print(
            f"{name}, {processes} processes: {wholes[name]:.1f} s, {half:.1f} s for half of them; "
            f"{each:.2f} s a volume"
        )


def _label_and_measure(folder: Path, part: str, processes: int) -> dict[str, float]:
    labels, home = (folder / f"{name}-{part}{processes}" for name in ("labels", "home"))
    commands = {
        "label": ["label", str(folder / part), "-o", str(labels), "--device", "cpu"],
        "measure": ["measure", str(labels), "--spacing", _SPACING],
    }
    return {
        name: _seconds([*arguments, "--workers", str(processes)], home)
        for name, arguments in commands.items()
    }


def _seconds(arguments: list[str], home: Path) -> float:
    command = isolated_python("-m", "napari_octsam", *arguments)
    environment = {**isolated_environment(), "OCTSAM_HOME": str(home)}
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    typer.run(main)
