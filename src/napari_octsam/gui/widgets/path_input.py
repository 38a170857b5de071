"""A line for a path, with a button that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

__all__ = ["PathInput"]


class PathInput(QWidget):
    """Where something lies.

    Parameters
    ----------
    title
        Of the dialog.
    ask
        Takes a parent, the title and a folder to begin in; returns the path, or "".
    """

    changed = Signal()

    def __init__(self, title: str, ask: Callable[[QWidget, str, str], str]) -> None:
        super().__init__()
        self._title = title
        self._ask = ask
        self.line = QLineEdit()
        self.button = QPushButton("…")
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.setToolTip(title)
        self.line.setToolTip(title)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.button.clicked.connect(self._choose)
        self.line.editingFinished.connect(self.changed)

    @property
    def path(self) -> Path | None:
        """What is written, or None where nothing is."""
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    @path.setter
    def path(self, path: Path | None) -> None:
        self.line.setText("" if path is None else _short(path))
        self.line.setToolTip(str(path or self._title))
        self.changed.emit()

    def _choose(self) -> None:
        chosen = self._ask(self, self._title, str(self.path or ""))
        if chosen:
            self.path = Path(chosen)


def _short(path: Path) -> str:
    """Return a path as people write it: ~ for the home folder, as far as it lies there."""
    home = Path.home()
    return str("~" / path.relative_to(home)) if path.is_relative_to(home) else str(path)
