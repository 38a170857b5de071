"""The picture of bars in docs/topology.md: where they are born and end, and their diagrams."""

from __future__ import annotations

from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from napari_octsam.topology.losses.bars import Bars, Filtration
from napari_octsam.topology.losses.matching import match_spatially
from napari_octsam.topology.persistence.truth import Truths, true_topology
from tools.docs.topology_toy import SIDE, Fault, faults, layer, show_mask

__all__ = ["draw_bars"]

_MATCHED, _UNMATCHED, _TRUE = "#1f77d0", "#e8590c", "#37b24d"
_MARKERS = ("o", "^")  # of components and of holes
_SIZE: dict[str, Any] = {"markersize": 8, "markeredgewidth": 1.8}
_SMALL: dict[str, Any] = {"markersize": 4, "markeredgewidth": 0.5, "alpha": 0.6}
_FILTRATION = Filtration(8, 0, logits=True, backend="cripser")
_NOISE = 0.2  # bars that are shorter are not marked on the mask


class _Ends(NamedTuple):
    """Of a bar: values, and (column, row) of the pixels; what never ends ends nowhere."""

    values: tuple[float, float]
    birth: tuple[int, int]
    death: tuple[int, int] | None
    dimension: int
    matched: bool

    @property
    def length(self) -> float:
        return self.values[1] - self.values[0]

    @property
    def color(self) -> str:
        return _MATCHED if self.matched else _UNMATCHED


def draw_bars() -> Figure:
    """Draw for each fault the mask with the ends of its bars, and the diagram below."""
    cases = faults()[:3]
    figure, axes = plt.subplots(2, len(cases), figsize=(10, 7.2), layout="constrained")
    for (above, below), fault in zip(axes.T, cases, strict=True):
        logits = _unsure(fault)
        ends = _ends_of(logits)
        show_mask(above, logits)
        above.contour(layer().numpy(), [0.5], colors=_TRUE, linewidths=1)
        above.set_title(fault.name, fontsize=12)
        _mark_pixels(above, [each for each in ends if each.length > _NOISE])
        _draw_diagram(below, ends)
    axes[1, 0].set_ylabel("ends at 1 - p")
    for axis in axes[1, 1:]:
        axis.tick_params(labelleft=False)
    _add_legend(figure)
    return figure


def _unsure(fault: Fault) -> Tensor:
    """Return logits that are noisy, and less sure of themselves where they are wrong."""
    mask = fault.logits > 0
    height = torch.where(mask == layer(), 3.0, 1.2)
    noise = torch.randn(mask.shape, generator=torch.Generator().manual_seed(0))
    return torch.where(mask, height, -height) + 0.4 * noise


def _ends_of(logits: Tensor) -> list[_Ends]:
    bars = _FILTRATION.bars(logits[None], ["The mask"])
    truths = Truths([true_topology(layer().numpy())])
    matched = ~np.isnan(match_spatially(bars, truths))
    return [_ends(bars, i, matched=bool(matched[i])) for i in range(len(matched))]


def _ends(bars: Bars, i: int, *, matched: bool) -> _Ends:
    pairs = bars.pairs
    return _Ends(
        values=(bars.births[i], bars.deaths[i]),
        birth=_place(pairs.birth[i]),
        death=None if pairs.endless[i] else _place(pairs.death[i]),
        dimension=int(pairs.dimension[i]),
        matched=matched,
    )


def _place(pixel: np.int64) -> tuple[int, int]:
    row, col = divmod(int(pixel), SIDE)
    return col, row


def _mark_pixels(axis: Axes, ends: list[_Ends]) -> None:
    """Join the pixels of each bar; the one where it is born is filled."""
    for each in ends:
        marker = _MARKERS[each.dimension]
        if each.death is not None:
            axis.plot(*zip(each.birth, each.death, strict=True), color=each.color, linewidth=1.5)
            axis.plot(*each.death, marker, color=each.color, markerfacecolor="white", **_SIZE)
        axis.plot(*each.birth, marker, color=each.color, **_SIZE)


def _draw_diagram(axis: Axes, ends: list[_Ends]) -> None:
    axis.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    for each in ends:
        style = _SIZE if each.length > _NOISE else _SMALL
        axis.plot(*each.values, _MARKERS[each.dimension], color=each.color, **style)
    axis.set(xlabel="born at 1 - p", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), aspect="equal")
    axis.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axis.spines[["top", "right"]].set_visible(False)


def _add_legend(figure: Figure) -> None:
    def entry(text: str, **style: Any) -> Line2D:
        return Line2D([], [], linestyle="", label=text, **_SIZE, **style)

    entries = [
        entry("component", marker="o", color="#555555"),
        entry("hole", marker="^", color="#555555"),
        entry("where it ends", marker="o", color="#555555", markerfacecolor="white"),
        entry("matched with the truth", marker="s", color=_MATCHED),
        entry("not matched", marker="s", color=_UNMATCHED),
        Line2D([], [], color=_TRUE, linewidth=1.5, label="the true layer"),
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=3, frameon=False)
