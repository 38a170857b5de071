"""A label of several lines, which long names never widen."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QLabel, QMenu, QSizePolicy, QWidget

__all__ = ["WrappedLabel"]

_BREAK = "\u200b"  # a space without width: a line may end there
_LONG_WORD = re.compile(r"\S{20,}")
_BREAKABLE = re.compile(r"[_/\\.-](?=\S)|[^\W_]{20}(?=\w)")


class WrappedLabel(QLabel):
    """Plain text, wrapped, and within long names too; what is copied is as it was set."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = self.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        self.setSizePolicy(policy)

    def text(self) -> str:
        """Return the text as it was set."""
        return self._text

    def setText(self, text: str | None) -> None:  # noqa: N802 (Qt's name)
        """Show a text."""
        self._text = text or ""
        super().setText(_LONG_WORD.sub(_with_breaks, self._text))

    def copy(self) -> None:
        """Put what is selected on the clipboard."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.selectedText().replace(_BREAK, ""))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Copy on Ctrl-C."""
        if event is not None and event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Offer to copy what is selected."""
        if event is None or not self.hasSelectedText():
            return
        menu = QMenu(self)
        menu.addAction("Copy", self.copy)
        menu.exec(event.globalPos())


def _with_breaks(word: re.Match[str]) -> str:
    return _BREAKABLE.sub(lambda part: part[0] + _BREAK, word[0])
