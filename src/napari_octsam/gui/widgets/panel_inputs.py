"""Inputs in a panel: the wheel scrolls past them, and keys go past them to the canvas."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QSlider, QWidget

__all__ = ["PanelInputs"]

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PanelInputs(QObject):
    """Guards the buttons, combo boxes, spin boxes and sliders of a panel.

    The wheel changes none of them. One that is used with the mouse, or left with Enter, has not the
    keyboard any more; Tab still goes from one to the next.

    Parameters
    ----------
    panel
        Takes the keyboard from them, and leaves every key to what is around it.
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel

    def guard(self) -> None:
        """Guard every input that the panel has now; harmless when done twice."""
        for kind in (QAbstractButton, QComboBox, QSlider, QAbstractSpinBox):
            for widget in self._panel.findChildren(kind):
                self._guard(widget)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        """Turn the wheel away; take the keyboard away after a click or Enter."""
        if event is None:
            return False
        if event.type() == QEvent.Type.Wheel and not isinstance(watched, QAbstractButton):
            event.ignore()  # so that Qt hands it on to the panel
            return True
        if event.type() == QEvent.Type.MouseButtonPress or _is_enter(event):
            self._panel.setFocus()
        return bool(super().eventFilter(watched, event))

    def _guard(self, widget: QWidget) -> None:
        if isinstance(widget, QAbstractSpinBox):
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # a click in it is for typing
        elif widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        widget.installEventFilter(self)


def _is_enter(event: QEvent) -> bool:
    if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyRelease:
        return False
    return event.key() in _ENTER
