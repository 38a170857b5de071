"""A plot of curves that grow while it is shown, above their names and last values."""

from __future__ import annotations

from collections import defaultdict
from html import escape

import pyqtgraph as pg
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

__all__ = ["GrowingPlot"]

_REDRAW = 250  # milliseconds: a fast training tells hundreds of steps a second
_HEIGHT = 170
_BELOW = 6  # pixels; the axis lets its label hang over


class _Counts(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph is not typed
    """Ticks at whole numbers: there is no step 1.5."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:  # noqa: N802, N803 (pyqtgraph's names)
        spacing = super().tickSpacing(minVal, maxVal, size)
        return [(max(step, 1.0), offset) for step, offset in spacing[:1]]


class GrowingPlot(QWidget):
    """Curves over one axis; points come in the order of that axis.

    Parameters
    ----------
    unit
        What is counted on the axis.
    """

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._points: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._curves: dict[str, pg.PlotDataItem] = {}
        self._colors: dict[str, str] = {}
        self._dashed: set[str] = set()
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

    def add(self, name: str, color: str, at: float, value: float, *, dashed: bool = False) -> None:
        """Add a point to a curve; points at or after it, which a crash undid, are dropped."""
        points = self._points[name]
        while points and points[-1][0] >= at:
            points.pop()
        points.append((at, value))
        self._colors[name] = color
        if dashed:
            self._dashed.add(name)
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        """Forget all curves."""
        self._plot.clear()
        self._points.clear()
        self._curves.clear()
        self._legend.clear()

    def paint_like(self, background: str, foreground: str) -> None:
        """Take on the colours of napari's theme."""
        self._plot.setBackground(background)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(foreground)
            axis.setTextPen(foreground)

    def _draw(self) -> None:
        for name, points in self._points.items():
            if name not in self._curves:
                style = Qt.PenStyle.DashLine if name in self._dashed else Qt.PenStyle.SolidLine
                pen = pg.mkPen(self._colors[name], width=2, style=style)
                self._curves[name] = self._plot.plot(pen=pen)
            x, y = zip(*points, strict=True)
            symbol = "o" if len(points) < 3 else None  # one point alone is no line
            self._curves[name].setData(x, y, symbol=symbol, symbolSize=5)
        self._legend.setText("&ensp; ".join(map(self._entry, self._points)))

    def _entry(self, name: str) -> str:
        """Return a curve's colour, name and last value, which no line break tears apart."""
        said = f"{escape(name)} {self._points[name][-1][1]:.3g}".replace(" ", "&nbsp;")
        return f'<span style="color:{self._colors[name]}">●</span>&nbsp;{said}'
