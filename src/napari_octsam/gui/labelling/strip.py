"""A strip with a cell for each B-scan of a volume."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import (
    QBrush,
    QColor,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_octsam.core.annotation import BScanState
from napari_octsam.core.automatic import Index
from napari_octsam.gui.labelling.overview import Standing

__all__ = ["COLORS", "Strip"]

COLORS = {  # told apart by the colour-blind too (Okabe and Ito)
    BScanState.AUTOMATIC: QColor("#56b4e9"),
    BScanState.INTERPOLATED: QColor("#cc79a7"),
    BScanState.CORRECTED: QColor("#009e73"),
    BScanState.DONE: QColor("#009e73"),
}
_ODD = QColor("#f0a000")
_HEIGHT = 22.0  # pixels of a row of cells
_GAP = 3.0  # between rows
_NARROWEST, _WIDEST = 8.0, 26.0  # pixels of a cell
_SURE_FROM = 0.5  # confidence that is no better than none
_LEAST_FILLED = 0.15


class Strip(QWidget):
    """Cells in the order of the B-scans, in as many rows as it takes.

    A cell has the colour of its state, filled as high as the model is sure; an amber triangle where
    something is odd, a tick where it is done, a bar below where it is locked. That of the B-scan
    that is shown has a frame.

    Parameters
    ----------
    standing
        Says how a B-scan stands.
    """

    chosen = Signal(object)
    """The index of the B-scan whose cell was clicked."""

    def __init__(self, standing: Callable[[Index], Standing]) -> None:
        super().__init__()
        self._standing = standing
        self._indices: list[Index] = []
        self._current: Index | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_bscans(self, indices: Sequence[Index], current: Index | None) -> None:
        """Show these B-scans, and which of them is in sight."""
        if list(indices) != self._indices:
            self._indices = list(indices)
            self.updateGeometry()
            self._fit()
        self._current = current
        self.update()

    def cell(self, index: Index) -> QRectF:
        """Return where the cell of a B-scan is."""
        place, per_row = self._indices.index(index), self._per_row
        row, col = divmod(place, per_row)
        width = self._cell_width
        return QRectF(col * width, row * (_HEIGHT + _GAP), width, _HEIGHT)

    def index_at(self, at: QPointF) -> Index | None:
        """Return the B-scan whose cell is there; None where none is."""
        row = int(at.y() // (_HEIGHT + _GAP))
        col = int(at.x() // self._cell_width)
        place = row * self._per_row + col
        is_cell = 0 <= col < self._per_row and 0 <= place < len(self._indices)
        return self._indices[place] if is_cell else None

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return a comfortable width, and the height that it needs."""
        return QSize(300, self._height_at(max(self.width(), 100)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return a width at which it can be used still."""
        return QSize(100, self._height_at(max(self.width(), 100)))

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Take as much height as the rows need now."""
        super().resizeEvent(event)
        self._fit()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Go to the B-scan that is clicked."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        index = self.index_at(event.position())
        if index is not None:
            self.chosen.emit(index)

    def event(self, event: QEvent | None) -> bool:
        """Tell of the B-scan under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            index = self.index_at(QPointF(event.pos()))
            text = "" if index is None else f"{_named(index)}: {self._standing(index).words}"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return bool(super().event(event))

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Draw all cells."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index in self._indices:
            self._draw(painter, self.cell(index), self._standing(index))
        if self._current in self._indices:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 2))
            painter.drawRect(self.cell(self._current).adjusted(1, 1, -1, -1))
        painter.end()

    @property
    def _per_row(self) -> int:
        return self._per_row_at(self.width())

    @property
    def _cell_width(self) -> float:
        return min(self.width() / self._per_row, _WIDEST)

    def _per_row_at(self, width: int) -> int:
        """Return how many cells a row has: rows are of one length, but for the last."""
        count = max(len(self._indices), 1)
        most = max(int(width // _NARROWEST), 1)
        return math.ceil(count / math.ceil(count / most))

    def _height_at(self, width: int) -> int:
        rows = math.ceil(max(len(self._indices), 1) / self._per_row_at(width))
        return math.ceil(rows * (_HEIGHT + _GAP) - _GAP)

    def _fit(self) -> None:
        self.setFixedHeight(self._height_at(self.width()))

    def _draw(self, painter: QPainter, cell: QRectF, standing: Standing) -> None:
        box = cell.adjusted(1, 1, -1, -1)
        ground = QColor(self.palette().color(QPalette.ColorRole.WindowText))
        ground.setAlpha(38)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.fillRect(box, QBrush(ground))
        color = COLORS.get(standing.state)
        if color is not None:
            painter.fillRect(_filled(box, standing), QBrush(color))
        if standing.state is BScanState.DONE:
            _tick(painter, box)
        if standing.findings and standing.state is not BScanState.DONE:
            _triangle(painter, box)
        if standing.is_locked:
            bar = QRectF(box.left(), box.bottom() - 3, box.width(), 3)
            painter.fillRect(bar, self.palette().color(QPalette.ColorRole.WindowText))


def _filled(box: QRectF, standing: Standing) -> QRectF:
    """Return the part of a cell that is filled: all of it, but for a model's doubt."""
    if standing.confidence is None or not standing.is_open:
        return box
    share = max((standing.confidence - _SURE_FROM) / (1 - _SURE_FROM), _LEAST_FILLED)
    return box.adjusted(0, (1 - share) * box.height(), 0, 0)


def _triangle(painter: QPainter, box: QRectF) -> None:
    side = min(box.width(), 8.0)
    corner = box.topRight()
    painter.setPen(QPen(QColor("#00000090"), 0.6))
    painter.setBrush(_ODD)
    points = [corner, corner - QPointF(side, 0), corner + QPointF(0, side)]
    painter.drawPolygon(QPolygonF(points))


def _tick(painter: QPainter, box: QRectF) -> None:
    size = min(box.width(), 10.0)
    middle = box.center()
    painter.setPen(QPen(Qt.GlobalColor.white, 1.6))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(
        QPolygonF(
            [
                middle + QPointF(-0.35 * size, 0.0),
                middle + QPointF(-0.1 * size, 0.28 * size),
                middle + QPointF(0.35 * size, -0.3 * size),
            ]
        )
    )


def _named(index: Index) -> str:
    return f"B-scan {', '.join(map(str, index))}" if index else "The B-scan"
