"""A push button that does a Qt action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton

if TYPE_CHECKING:
    from qtpy.QtGui import QAction

__all__ = ["ActionButton"]


class ActionButton(QPushButton):
    """Enabled as its action is, with the action's text, and the key, as tool tip.

    Parameters
    ----------
    action
        What a click triggers.
    text
        Of the button; that of the action may be long.
    key
        Which key does the same.
    """

    def __init__(self, action: QAction, text: str, key: str) -> None:
        super().__init__(text)
        self._action = action
        self._key = key
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setEnabled(self._action.isEnabled())
        self.setToolTip(f"{self._action.text()} ({self._key})")
