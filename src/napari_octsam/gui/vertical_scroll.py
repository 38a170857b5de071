"""A scroll area that never cuts its content at the side."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["VerticalScroll"]


class VerticalScroll(QScrollArea):
    """Scrolls down only, and is at least as wide as its content must be."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the content's least width, with room for the scroll bar."""
        width = self.widget().minimumSizeHint().width()
        return QSize(width + self.verticalScrollBar().sizeHint().width(), 120)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the content's own size, at most the height of a laptop's window."""
        content = self.widget().sizeHint()
        return QSize(self.minimumSizeHint().width(), min(content.height(), 700))
