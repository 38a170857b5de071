"""Part of a panel that most people do not need: shown when its title is pressed."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

__all__ = ["Fold"]


class Fold(QWidget):
    """A title above a content that is hidden at first.

    superqt's `QCollapsible` keeps what is folded within reach of Tab, cuts off one fold in another
    and draws a black arrow on napari's dark theme.

    Parameters
    ----------
    title
        What the content is.
    content
        Any widget.
    hint
        Tool tip of the title.
    """

    unfolded = Signal(bool)
    """The person has shown or hidden the content."""

    def __init__(self, title: str, content: QWidget, hint: str) -> None:
        super().__init__()
        self._title = title
        self.content = content
        self.button = QPushButton(f"{title} ▸")
        self.button.setCheckable(True)
        self.button.setFlat(True)
        self.button.setStyleSheet("text-align: left; padding: 2px; background: transparent;")
        self.button.setToolTip(hint)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.button)
        column.addWidget(content)
        content.hide()
        self.button.toggled.connect(self._unfold)

    def _unfold(self, unfolded: bool) -> None:
        self.content.setVisible(unfolded)
        self.button.setText(f"{self._title} {'▾' if unfolded else '▸'}")
        self.unfolded.emit(unfolded)
