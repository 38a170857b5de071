"""A scroll area that never cuts its content at the side."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["VerticalScroll"]

_SCROLL_BAR = 12
_COMFORTABLE = 330


class VerticalScroll(QScrollArea):
    """Scrolls down only, and is at least as wide as its content must be."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the content's least width, with room for the scroll bar."""
        width = self._content.minimumSizeHint().width()
        return QSize(width + _SCROLL_BAR, 120)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the content's own size: a comfortable width, at most a laptop's height."""
        width = max(self.minimumSizeHint().width(), _COMFORTABLE)
        return QSize(width, min(self._content.sizeHint().height(), 700))
