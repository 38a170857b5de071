"""A table of text whose cells can be selected and copied into a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QTableView

__all__ = ["FiguresView"]

_MOST_ROWS = 10
_PADDING = 14  # pixels beside a cell's text
_NO_INDEX = QModelIndex()


class _Figures(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.headings: Sequence[str] = ()
        self.rows: Sequence[Sequence[str]] = ()

    def show(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.beginResetModel()
        self.headings, self.rows = headings, rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _NO_INDEX) -> int:  # noqa: N802 (Qt's name)
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex = _NO_INDEX) -> int:  # noqa: N802 (Qt's name)
        return 0 if parent.isValid() else len(self.headings)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            row = self.rows[index.row()]
            return "\n".join(f"{h}: {cell}" for h, cell in zip(self.headings, row, strict=True))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if index.column() else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headings[section]
        return None


class FiguresView(QTableView):
    """Shows figures; Ctrl-C copies what is selected, with its headings.

    Parameters
    ----------
    about
        What is shown, as its accessible name.
    """

    def __init__(self, about: str) -> None:
        super().__init__()
        self._figures = _Figures()
        self.setModel(self._figures)
        self.setAccessibleName(about)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        rows, columns = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None
        assert columns is not None
        rows.hide()
        rows.setDefaultSectionSize(self.fontMetrics().lineSpacing() + 6)
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """The cells that are shown."""
        return self._figures.rows

    def show_rows(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows of as many cells as there are headings."""
        self._figures.show(headings, rows)
        metrics = self.fontMetrics()
        for column, heading in enumerate(headings):
            texts = [heading, *(row[column] for row in rows)]
            width = max(metrics.horizontalAdvance(text) for text in texts)
            self.setColumnWidth(column, width + _PADDING)
        header, bar = self.horizontalHeader(), self.horizontalScrollBar()
        assert header is not None
        assert bar is not None
        shown = min(len(rows), _MOST_ROWS)
        lines = sum(self.rowHeight(row) for row in range(shown))
        frame = 2 * self.frameWidth()
        self.setFixedHeight(header.sizeHint().height() + lines + bar.sizeHint().height() + frame)

    def text(self, *, selected: bool = False) -> str:
        """Return all cells, or the rectangle around those selected, with headings and tabs."""
        rows, columns = range(len(self._figures.rows)), range(len(self._figures.headings))
        chosen = self.selectedIndexes()
        if selected and chosen:
            rows = _span(index.row() for index in chosen)
            columns = _span(index.column() for index in chosen)
        lines = [self._figures.headings, *(self._figures.rows[row] for row in rows)]
        return "\n".join("\t".join(line[column] for column in columns) for line in lines)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Copy on Ctrl-C."""
        clipboard = QGuiApplication.clipboard()
        if event is not None and event.matches(QKeySequence.StandardKey.Copy) and clipboard:
            clipboard.setText(self.text(selected=True))
        else:
            super().keyPressEvent(event)


def _span(numbers: Any) -> range:
    found = list(numbers)
    return range(min(found), max(found) + 1)
