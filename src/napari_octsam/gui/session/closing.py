"""A window is not closed without a question where something would be lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QWidget

if TYPE_CHECKING:
    from napari_octsam.gui.session.training import Training

__all__ = ["ClosingQuestion", "TrainingQuestion", "ask_before_closing"]


class ClosingQuestion(Protocol):
    """Something that may stand against closing a window."""

    def is_needed(self) -> bool:
        """Whether there is anything to ask."""
        ...

    def may_close(self, window: QWidget) -> bool:
        """Ask the person, and return whether the window may be closed."""
        ...


def ask_before_closing(window: QWidget, questions: Sequence[ClosingQuestion]) -> None:
    """Have the person asked when `window` is to be closed and one of the questions is needed.

    `Viewer.close()`, as scripts call it, asks nothing. Harmless when done twice.

    Parameters
    ----------
    questions
        Those that are in it when the window is closed.
    """
    if window.findChild(_Asking) is None:
        window.installEventFilter(_Asking(window, questions))


class _Asking(QObject):
    def __init__(self, window: QWidget, questions: Sequence[ClosingQuestion]) -> None:
        super().__init__(window)
        self._window = window
        self._questions = questions

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        """Keep the window open where the person says so."""
        if event is None or event.type() != QEvent.Type.Close or not self._is_closed_by_person:
            return bool(super().eventFilter(watched, event))
        needed = [question for question in self._questions if question.is_needed()]
        if all(question.may_close(self._window) for question in needed):
            return False
        event.ignore()
        return True

    @property
    def _is_closed_by_person(self) -> bool:
        """A script has hidden the canvas before."""
        canvas = self._window.findChild(QtViewer)
        return canvas is not None and canvas.isVisible()


class TrainingQuestion:
    """A training is on."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def is_needed(self) -> bool:
        """Whether one is."""
        return self._training.is_on

    def may_close(self, window: QWidget) -> bool:
        """Ask the person."""
        box = QMessageBox(window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Close napari?")
        box.setText(self._said())
        close = box.addButton("Close", QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel)
        box.exec()
        return box.clickedButton() is close

    def _said(self) -> str:
        if self._training.history.begun is None:
            return "A training is about to begin. Close napari? Nothing of it is kept."
        state = "paused" if self._training.state == "paused" else "running"
        return f"Training is {state}. Close napari? The run is saved and can be continued."
