"""How a training goes, as curves: each part of the loss, and Dice and Betti error by class."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import TYPE_CHECKING

import pyqtgraph as pg
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QTabWidget, QVBoxLayout, QWidget

from napari_octsam.training.events import EpochDone, StepDone

if TYPE_CHECKING:
    from napari_octsam.gui.learning.progress import Run

__all__ = ["TrainCurves"]

_REDRAW = 250  # milliseconds: a fast training tells hundreds of steps a second
_HEIGHT = 170
_BELOW = 6  # pixels; the axis lets its label hang over
_LOSSES = {"candidates": "candidate masks", "iou": "IoU estimate"}
_PARTS = ("#4c9be8", "#e8a33d", "#3fb950", "#d773d0", "#e5534b")


class TrainCurves(QTabWidget):
    """Three plots, each above the names and last values of its curves."""

    def __init__(self) -> None:
        super().__init__()
        self.loss = _Plot("step")
        self.dice = _Plot("epoch")
        self.betti = _Plot("epoch")
        for number, (title, plot, hint) in enumerate(
            (
                (
                    "Loss",
                    self.loss,
                    "What each step brings down; the training B-scans differ. Epochs whose steps "
                    "are not at hand any more are one point: their mean",
                ),
                ("Dice", self.dice, "Overlap with the labels, on the validation B-scans: 1 is all"),
                (
                    "Betti error",
                    self.betti,
                    "Pieces and holes too many or too few, on the validation B-scans: 0 is best",
                ),
            )
        ):
            self.addTab(plot, title)
            self.setTabToolTip(number, hint)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._names: dict[int, tuple[str, str]] = {}

    def begin(self, run: Run) -> None:
        """Forget what was shown, and show what a run that has begun has told so far."""
        assert run.begun is not None
        self._names = {c.value: (c.short, c.color[:7]) for c in run.begun.schema.classes}
        for plot in (self.loss, self.dice, self.betti):
            plot.clear()
        at_hand = {step.epoch for step in run.steps}
        for epoch in run.epochs:
            if epoch.epoch not in at_hand:
                self._add_losses((epoch.epoch - 0.5) * run.begun.steps, epoch.losses)
            self.add_epoch(epoch)
        for step in run.steps:
            self.add_step(step)

    def add_step(self, step: StepDone) -> None:
        """Go on with the parts of the loss."""
        self._add_losses((step.epoch - 1) * step.steps + step.step, step.losses)

    def _add_losses(self, at: float, losses: dict[str, float]) -> None:
        for number, (name, value) in enumerate(losses.items()):
            self.loss.add(_LOSSES.get(name, name), _PARTS[number % len(_PARTS)], at, value)

    def add_epoch(self, epoch: EpochDone) -> None:
        """Go on with the metrics of the classes."""
        for value, metrics in epoch.classes.items():
            name, color = self._names.get(value, (str(value), "#8b949e"))
            self.dice.add(name, color, epoch.epoch, metrics.dice)
            self.betti.add(name, color, epoch.epoch, metrics.betti_error)

    def paint_like(self, background: str, foreground: str) -> None:
        """Take on the colours of napari's theme."""
        for plot in (self.loss, self.dice, self.betti):
            plot.paint_like(background, foreground)


class _Counts(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph is not typed
    """Ticks at whole numbers: there is no step 1.5."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:  # noqa: N802, N803 (pyqtgraph's names)
        spacing = super().tickSpacing(minVal, maxVal, size)
        return [(max(step, 1.0), offset) for step, offset in spacing[:1]]


class _Plot(QWidget):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._colors: dict[str, str] = {}
        self.axis = _Counts("bottom")
        self._plot = pg.PlotWidget(axisItems={"bottom": self.axis})
        self._plot.setFixedHeight(_HEIGHT)
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(False, False)
        self._plot.hideButtons()
        self._plot.setLabel("bottom", unit)
        self._plot.plotItem.layout.setContentsMargins(1, 1, 1, _BELOW)
        self._legend = QLabel()
        self._legend.setWordWrap(True)
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(2)
        column.addWidget(self._plot)
        column.addWidget(self._legend)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REDRAW)
        self._timer.timeout.connect(self._draw)

    @property
    def points(self) -> dict[str, list[tuple[float, float]]]:
        """Name of a curve -> its points."""
        return dict(self._points)

    def add(self, name: str, color: str, at: float, value: float) -> None:
        points = self._points[name]
        while points and points[-1][0] >= at:  # undone by a crash
            points.pop()
        points.append((at, value))
        self._colors[name] = color
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        self._plot.clear()
        self._points.clear()
        self._curves.clear()
        self._legend.clear()

    def paint_like(self, background: str, foreground: str) -> None:
        self._plot.setBackground(background)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(foreground)
            axis.setTextPen(foreground)

    def _draw(self) -> None:
        for name, points in self._points.items():
            if name not in self._curves:
                pen = pg.mkPen(self._colors[name], width=2)
                self._curves[name] = self._plot.plot(pen=pen)
            x, y = zip(*points, strict=True)
            symbol = "o" if len(points) < 3 else None  # one point alone is no line
            self._curves[name].setData(x, y, symbol=symbol, symbolSize=5)
        self._legend.setText("&ensp; ".join(map(self._entry, self._points)))

    def _entry(self, name: str) -> str:
        """Return a curve's colour, name and last value, which no line break tears apart."""
        said = f"{escape(name)} {self._points[name][-1][1]:.3g}".replace(" ", "&nbsp;")
        return f'<span style="color:{self._colors[name]}">●</span>&nbsp;{said}'
