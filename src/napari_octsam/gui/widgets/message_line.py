"""The line in which a widget tells the person something."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QWidget

from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

__all__ = ["MessageLine"]

_PADDING = 6


class MessageLine(WrappedLabel):
    """One sentence, wrapped; never in the way.

    Parameters
    ----------
    lines
        Lines that there is always room for, so that nothing jumps; without any, it takes no room
        while it says nothing.
    """

    def __init__(self, lines: int = 0, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines = lines
        self.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        if not lines:
            self.hide()

    def say(self, sentence: str) -> None:
        """Show a sentence in place of the last; "" shows none."""
        self.setText(sentence)
        self.setHidden(not sentence and not self._lines)

    def heightForWidth(self, width: int) -> int:  # noqa: N802 (Qt's name)
        """Return the height that the sentence needs, or that is kept for one."""
        return max(super().heightForWidth(width), self._least_height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return a size with the lines that there is always room for."""
        return QSize(0, self._least_height)

    @property
    def _least_height(self) -> int:
        return int(self._lines * self.fontMetrics().lineSpacing() + _PADDING)
