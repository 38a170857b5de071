"""A window is not closed on a training without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QWidget

if TYPE_CHECKING:
    from napari_octsam.gui.session.training import Training

__all__ = ["ask_before_closing"]


def ask_before_closing(window: QWidget, training: Training) -> None:
    """Have the person asked when `window` is to be closed while `training` is on.

    `Viewer.close()`, as scripts call it, asks nothing. Harmless when done twice.
    """
    if window.findChild(_Question) is None:
        window.installEventFilter(_Question(window, training))


class _Question(QObject):
    def __init__(self, window: QWidget, training: Training) -> None:
        super().__init__(window)
        self._window = window
        self._training = training

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        """Keep the window open where the person says so."""
        if event is None or event.type() != QEvent.Type.Close or not self._is_needed:
            return bool(super().eventFilter(watched, event))
        if self._may_close():
            return False
        event.ignore()
        return True

    @property
    def _is_needed(self) -> bool:
        """Whether something would be lost, and a person closes: a script has hidden the canvas."""
        canvas = self._window.findChild(QtViewer)
        return self._training.is_on and canvas is not None and canvas.isVisible()

    def _may_close(self) -> bool:
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Close napari?")
        box.setText(_said(self._training))
        close = box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel)
        box.exec()
        return box.clickedButton() is close


def _said(training: Training) -> str:
    if training.history.begun is None:
        return "A training is about to begin. Close napari? Nothing of it is kept."
    state = "paused" if training.state == "paused" else "running"
    return f"Training is {state}. Close napari? The run is saved and can be continued."
