"""The study as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.topology_study.averages import Cell, over_layers, select
from benchmarks.topology_study.outcomes import Outcome
from benchmarks.topology_study.page import LOSS_NAMES
from benchmarks.topology_study.trials import COUNTS, LOSSES, STARTS, Loss, Start

__all__ = ["draw_study"]

mpl.use("Agg")

_FIGURES = {
    "dice": "Dice",
    "boundary_error_px": "boundary error, pixels",
    "betti_error": "Betti error",
}
_COLORS: dict[Loss, str] = {"none": "#888888", "octsam": "#e8590c", "spatial": "#1f77d0"}
_OFFSETS: dict[Loss, float] = {"none": 0.94, "octsam": 1.0, "spatial": 1.06}


def draw_study(study: Sequence[Outcome], target: Path) -> None:
    """Draw figures against the number of B-scans, one tight box for each layer."""
    starts = [start for start in STARTS if any(o.trial.start == start for o in study)]
    size = (11, 3.4 * len(starts))
    figure, axes = plt.subplots(
        len(starts), len(_FIGURES), figsize=size, layout="constrained", squeeze=False
    )
    for row, start in zip(axes, starts, strict=True):
        for axis, (key, name) in zip(row, _FIGURES.items(), strict=True):
            _draw(axis, study, start, key)
            axis.set_title(f"{name}, from {start}", fontsize=10)
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.savefig(target, dpi=110, facecolor="white")
    plt.close(figure)


def _draw(axis: Axes, study: Sequence[Outcome], start: Start, key: str) -> None:
    for before in select(study, start, 0, LOSSES[0]):
        level = over_layers(before, "box", key)
        axis.axhline(level, color="#222222", linestyle=":", label="before fine-tuning")
    for loss in LOSSES:
        values = {
            count: [over_layers(outcome, "box", key) for outcome in found]
            for count in COUNTS
            if (found := select(study, start, count, loss))
        }
        places = [count * _OFFSETS[loss] for count in values]
        means = [Cell.of(each).mean for each in values.values()]
        color = _COLORS[loss]
        axis.plot(places, means, color=color, marker="o", label=LOSS_NAMES[loss])
        for place, each in zip(places, values.values(), strict=True):
            axis.scatter([place] * len(each), each, color=color, s=14, alpha=0.5)
    axis.set_xscale("log")
    axis.set_xticks(COUNTS, [str(count) for count in COUNTS])
    axis.minorticks_off()
    axis.set_xlabel("labelled B-scans")
    axis.grid(visible=True, color="#dddddd")
