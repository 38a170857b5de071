"""The study as a picture: Dice against the number of B-scans, and against seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.learning_curve.comparing import figure, select
from benchmarks.learning_curve.outcomes import Outcome
from benchmarks.learning_curve.trials import COUNTS, MINUTES, Trial, Way

__all__ = ["draw_curves"]

mpl.use("Agg")

_WAYS = {
    "unasked": ("labels unasked", "#1f77d0"),
    "box": ("one box", "#2f9e44"),
    "point": ("one click", "#e8590c"),
}
_HEALTHY = ("healthy layers, known before", "#888888")
_STYLES: dict[Way, str] = {"everything": "-", "decoder": ":"}


def draw_curves(outcomes: Sequence[Outcome], target: Path) -> None:
    """Draw means over the seeds; dotted, the mask decoder alone."""
    figure_, (by_count, by_time) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    before = select(outcomes, Trial(eyes="amd_volume"))
    for way, style in _STYLES.items():
        found: dict[float, Sequence[Outcome]] = {
            count: select(outcomes, Trial(eyes="amd_volume", bscans=count, way=way, minutes=1))
            for count in COUNTS["amd_volume"]
        }
        _draw(by_count, {0: before, **found}, style, named=way == "everything")
    times = {
        60 * minutes: select(
            outcomes, Trial(eyes="amd_volume", bscans=5, way="everything", minutes=minutes)
        )
        for minutes in MINUTES
    }
    _draw(by_time, {0: before, **times}, "-", named=False)
    by_count.set_xlabel("corrected B-scans; a minute of two cores")
    by_time.set_xlabel("seconds of two cores; 5 corrected B-scans")
    by_count.set_ylabel("mean Dice on other B-scans")
    by_time.sharey(by_count)
    for axis in (by_count, by_time):
        axis.grid(visible=True, color="#dddddd")
    handles, names = by_count.get_legend_handles_labels()
    figure_.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure_.savefig(target, dpi=110, facecolor="white")
    plt.close(figure_)


def _draw(axis: Axes, found: Mapping[float, Sequence[Outcome]], style: str, *, named: bool) -> None:
    for way, (name, color) in _WAYS.items():
        values = {at: [figure(o, way, "dice") for o in each] for at, each in found.items()}
        _curve(axis, values, color, style, name if named else None)
    values = {at: [o.healthy for o in each] for at, each in found.items()}
    _curve(axis, values, _HEALTHY[1], style, _HEALTHY[0] if named else None)


def _curve(
    axis: Axes,
    values: Mapping[float, Sequence[float | None]],
    color: str,
    style: str,
    label: str | None,
) -> None:
    known = {at: [v for v in each if v is not None] for at, each in values.items()}
    known = {at: each for at, each in known.items() if each}
    means = [sum(each) / len(each) for each in known.values()]
    axis.plot(list(known), means, style, color=color, marker="o", label=label)
    for at, each in known.items():
        axis.scatter([at] * len(each), each, color=color, s=12, alpha=0.5)
