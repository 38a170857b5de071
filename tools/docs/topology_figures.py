"""Make the pictures of docs/topology.md; part of `make docs-figures`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor, nn

from napari_octsam.topology.losses import OriginalTopologyLoss, SoftClDiceLoss, TopologyLoss
from napari_octsam.topology.metrics import betti_numbers
from tools.docs.topology_bars import draw_bars
from tools.docs.topology_toy import faults, layer, show_mask

__all__ = ["draw_topology"]

mpl.use("Agg")

PUSHED_UP, PUSHED_DOWN = "#1f77d0", "#d6336c"
LOSSES: dict[str, nn.Module] = {
    "original": OriginalTopologyLoss(1),
    "ours, spatial": TopologyLoss(),
    "ours, Wasserstein": TopologyLoss(matching="wasserstein"),
    "soft-clDice": SoftClDiceLoss(),
}


def value_and_slope(loss: nn.Module, logits: Tensor) -> tuple[float, Tensor]:
    """Return a loss of (H, W) logits against the layer, and its gradient."""
    leaf = logits.clone().requires_grad_()
    value = loss(leaf[None, None], layer()[None, None].float())
    value.backward()
    assert leaf.grad is not None
    return value.item(), leaf.grad


def draw_topology(folder: Path) -> None:
    """Save all pictures in a folder."""
    save(what_each_loss_sees(), folder / "topology-faults.png")
    save(draw_bars(), folder / "topology-diagrams.png")
    save(film_strip(), folder / "topology-repair.png")


def save(figure: Figure, target: Path) -> None:
    """Write a figure and forget it."""
    figure.savefig(target, dpi=110, facecolor="white")
    plt.close(figure)


def what_each_loss_sees() -> Figure:
    """Draw for each fault and loss the value, and the pixels that get a gradient."""
    cases = faults()[:3]
    figure, axes = plt.subplots(
        len(cases), len(LOSSES), figsize=(10, 8), layout="constrained", squeeze=False
    )
    for row, fault in zip(axes, cases, strict=True):
        for axis, (name, loss) in zip(row, LOSSES.items(), strict=True):
            value, slope = value_and_slope(loss, fault.logits)
            show_mask(axis, fault.logits)
            mark(axis, slope)
            axis.set_title(f"{name}: {value:.3f}", fontsize=10)
        row[0].set_ylabel(fault.name, fontsize=11)
    legend(figure)
    return figure


def mark(axis: Axes, slope: Tensor) -> None:
    """Mark the pixels that a step would raise or lower, the stronger the larger."""
    strength = slope.abs() / max(float(slope.abs().max()), 1e-12)
    rows, cols = (strength > 0.1).nonzero().T.numpy()
    colors = np.where(slope.numpy()[rows, cols] < 0, PUSHED_UP, PUSHED_DOWN)
    sizes = 10 + 50 * strength.numpy()[rows, cols]
    axis.scatter(cols, rows, s=sizes, c=colors, edgecolors="white", linewidths=0.6)


def legend(figure: Figure) -> None:
    """Say under the pictures what the dots mean."""
    dots = [
        Line2D([], [], marker="o", linestyle="", color=color, label=text)
        for color, text in ((PUSHED_UP, "pushed to foreground"), (PUSHED_DOWN, "to background"))
    ]
    figure.legend(handles=dots, loc="outside lower center", ncols=2, frameon=False)


def film_strip(steps: Sequence[int] = (0, 20, 50, 100, 200, 300)) -> Figure:
    """Draw the toy with all three faults while Adam follows one loss alone."""
    losses = {name: LOSSES[name] for name in ("original", "ours, spatial")}
    figure, axes = plt.subplots(
        len(losses), len(steps), figsize=(12, 4.3), layout="constrained", squeeze=False
    )
    for row, (name, loss) in zip(axes, losses.items(), strict=True):
        for axis, step, logits in zip(row, steps, repair(loss, steps), strict=True):
            show_mask(axis, logits)
            found = betti_numbers((logits > 0).numpy())
            axis.set_title(f"step {step}: pieces {found.components}, holes {found.holes}", size=9)
        row[0].set_ylabel(name, fontsize=11)
    return figure


def repair(loss: Callable[..., Tensor], steps: Sequence[int]) -> list[Tensor]:
    """Return the logits after these numbers of steps, in rising order."""
    logits = faults()[3].logits.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.1)
    frames = []
    for step in range(max(steps) + 1):
        if step in steps:
            frames.append(logits.detach().clone())
        optimizer.zero_grad()
        loss(logits[None, None], layer()[None, None].float()).backward()
        optimizer.step()
    return frames
