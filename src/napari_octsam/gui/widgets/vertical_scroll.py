"""A scroll area that never cuts its content at the side."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

__all__ = ["VerticalScroll", "reveal"]

_SCROLL_BAR = 13
_COMFORTABLE = 330


class VerticalScroll(QScrollArea):
    """Scrolls down only, and is at least as wide as its content must be."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self._to_reveal: QWidget | None = None
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def reveal(self, widget: QWidget) -> None:
        """Scroll to a part of the content that is just being shown, once it has its place."""
        self._to_reveal = widget

    def event(self, event: QEvent | None) -> bool:
        """Scroll to what is to be revealed once the content is laid out."""
        done = bool(super().event(event))
        if event is not None and event.type() == QEvent.Type.LayoutRequest and self._to_reveal:
            self.ensureWidgetVisible(self._to_reveal)
            self._to_reveal = None
        return done

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the content's least width, with room for the scroll bar."""
        width = self._content.minimumSizeHint().width()
        return QSize(width + _SCROLL_BAR + 2 * self.frameWidth(), 120)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the content's own size: a comfortable width, at most a laptop's height."""
        width = max(self.minimumSizeHint().width(), _COMFORTABLE)
        return QSize(width, min(self._content_height(), 700))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        """Ask for another height when the content needs one."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Ask for another height when there is another width."""
        super().resizeEvent(event)
        if event is not None and event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def _content_height(self) -> int:
        content, frame = self._content, 2 * self.frameWidth()
        if content.hasHeightForWidth():
            # with the bar, so that text which wraps does not bring the bar back
            return int(content.heightForWidth(self.width() - frame - _SCROLL_BAR)) + frame
        return int(content.sizeHint().height()) + frame


def reveal(widget: QWidget) -> None:
    """Scroll to a widget that is just being shown, where it is in a scroll area."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, VerticalScroll):
        parent = parent.parentWidget()
    if parent is not None:
        parent.reveal(widget)
