"""The tables of docs/correcting.md; see the package's text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.correction_effort.cases import (
    Case,
    layers_of_subject_6,
    load,
    rpe_of_amd_volume,
)
from benchmarks.correction_effort.effort import Effort, total
from benchmarks.correction_effort.interpolated import shares_of_columns
from benchmarks.correction_effort.prompting import by_prompts
from benchmarks.correction_effort.ways import (
    by_dragging,
    by_drawing,
    by_polygon,
    by_retracing,
)
from benchmarks.markdown import grid
from napari_octsam.models.model import Model

_SPACINGS = (2, 3, 5)
_EVERY = 6  # of the labelled B-scans of amd_volume
_PROMPTS, _PROMPTED = "prompts", 3  # B-scans that are corrected by prompts too, which is slow


def effort_table(efforts: Mapping[str, Sequence[Effort]]) -> str:
    """What each way takes, a B-scan."""
    rows = []
    for name, each in efforts.items():
        sum_, bscans = total(each), len(each)
        rows.append(
            [
                name,
                f"{sum_.actions / bscans:.1f}",
                f"{sum_.travel / bscans:,.0f}",
                f"{sum_.columns / bscans:,.0f}",
                f"{sum_.left / bscans:.1f}",
            ]
        )
    return grid(["", "actions", "travel, pixels", "columns changed", "columns left wrong"], rows)


def measure(cases: Iterable[Case], model: Model) -> dict[str, list[Effort]]:
    """Correct each B-scan in each way."""
    ways: dict[str, Callable[[Case], Effort]] = {
        "drag the boundary": lambda c: by_dragging(c.found, c.truth, c.rows),
        "draw the boundary": lambda c: by_drawing(c.found, c.truth, c.rows),
        "trace again, probabilities": lambda c: by_retracing(
            c.found, c.truth, c.costs["probabilities"]
        ),
        "trace again, image": lambda c: by_retracing(c.found, c.truth, c.costs["image"]),
        "polygons": lambda c: by_polygon(c.found, c.truth, c.rows),
        _PROMPTS: lambda c: by_prompts(c, model),
    }
    efforts: dict[str, list[Effort]] = {name: [] for name in ways}
    for number, case in enumerate(cases):
        for name, way in ways.items():
            if name != _PROMPTS or number < _PROMPTED:
                efforts[name].append(way(case))
    return efforts


def main(arguments: Sequence[str]) -> None:
    """Print the tables."""
    (folder,) = arguments
    data, model = Path(folder), load()
    print("Seven layers, subject 6, a B-scan:\n")
    print(effort_table(measure(layers_of_subject_6(data, model), model)))
    print("RPE band, volume with drusen, a B-scan:\n")
    print(effort_table(measure(rpe_of_amd_volume(data, model, _EVERY), model)))
    rows = []
    for every in _SPACINGS:
        plain, snapped = shares_of_columns(data, every)
        rows.append([f"every {every}th", f"{100 * plain:.1f} %", f"{100 * snapped:.1f} %"])
    print(grid(["corrected, of the labelled B-scans", "straight", "snapped to the image"], rows))


if __name__ == "__main__":
    main(sys.argv[1:])
