"""The line in which a widget tells the person something."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

__all__ = ["MessageLine"]


class MessageLine(QLabel):
    """One sentence, wrapped; never in the way."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 4)

    def say(self, sentence: str) -> None:
        """Show a sentence in place of the last; "" shows none."""
        self.setText(sentence)
