"""How the cost of the topology loss grows: `python -m benchmarks.topology_growth PICTURE`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from benchmarks.timing import in_turn, timed
from benchmarks.topology import layer_masks
from napari_octsam.topology.losses import TopologyLoss
from napari_octsam.topology.persistence.backends import Backend

__all__ = ["growth"]

mpl.use("Agg")

_SIDES = (50, 100, 200, 400, 700, 1024)
_COUNTS = (1, 2, 5, 10, 20, 50)
_BACKENDS: tuple[Backend, ...] = ("cripser", "ranks")
_COLORS = {"cripser": "#1f77d0", "ranks": "#e8590c"}


def growth(sizes: Sequence[tuple[int, int]], rounds: int = 5) -> dict[Backend, list[float]]:
    """Return the median seconds of loss and gradient for each (masks, side)."""
    losses = {backend: TopologyLoss(backend=backend) for backend in _BACKENDS}
    seconds: dict[Backend, list[float]] = {backend: [] for backend in _BACKENDS}
    for count, side in sizes:
        masks = layer_masks(count, side)
        steps: dict[str, Callable[[], float]] = {
            name: timed(partial(_step, loss, *masks)) for name, loss in losses.items()
        }
        taken = in_turn(steps, rounds)
        for backend in _BACKENDS:
            seconds[backend].append(median(taken[backend]))
    return seconds


def _step(loss: TopologyLoss, logits: Tensor, truth: Tensor) -> None:
    loss(logits, truth).backward()


def _draw(axis: Axes, sizes: Sequence[int], seconds: dict[Backend, list[float]], what: str) -> None:
    for backend, taken in seconds.items():
        slope, _ = np.polyfit(np.log(sizes[-4:]), np.log(taken[-4:]), 1)
        label = f"{backend}: slope {slope:.2f}"
        axis.loglog(sizes, taken, marker="o", color=_COLORS[backend], label=label)
        print(f"{what}: {label}", *(f"{each:.4f} s" for each in taken), sep="  ")
    axis.set_xlabel(what)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.minorticks_off()
    axis.grid(visible=True, color="#dddddd")
    axis.legend()


def main() -> None:
    """Measure and draw."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    by_side = growth([(5, side) for side in _SIDES])
    _draw(axes[0], _SIDES, by_side, "side of 5 masks, pixels")
    by_count = growth([(count, 256) for count in _COUNTS])
    _draw(axes[1], _COUNTS, by_count, "number of masks of 256 x 256")
    axes[0].set_ylabel("loss and gradient, seconds")
    figure.suptitle(f"{torch.get_num_threads()} threads", fontsize=10)
    figure.savefig(Path(sys.argv[1]), dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
