"""Labels come from the B-scans beside the one in view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octsam.gui.correcting.corrector import Corrector

__all__ = ["AcrossPanel"]


class AcrossPanel(QWidget):
    """From a neighbour, or from the corrected B-scans around: all classes, or the painted one.

    Parameters
    ----------
    corrector
        Does it.
    brush
        Gives the class that is painted.
    """

    def __init__(self, corrector: Corrector, brush: Callable[[], int | None]) -> None:
        super().__init__()
        self._corrector = corrector
        self._brush = brush
        self.previous = _button("From the previous", "Copy its labels to this B-scan")
        self.next = _button("From the next", "Copy its labels to this B-scan")
        self.interpolate = _button(
            "Interpolate", "Make all B-scans between the corrected ones before and after this one"
        )
        self.redo = _button(
            "Redo the painted class", "Put it as the model has it on this B-scan, larger or smaller"
        )
        self.snap = QCheckBox("Snap to the model")
        self.snap.setToolTip(
            "Draw interpolated boundaries to where the model sees them, 4 rows off"
        )
        self.only = QCheckBox("Only the painted class")
        self.only.setToolTip("The other classes stay as they are")
        self.previous.clicked.connect(partial(self._copy, -1))
        self.next.clicked.connect(partial(self._copy, 1))
        self.interpolate.clicked.connect(self._interpolate)
        self.redo.clicked.connect(self._redo)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        row = QHBoxLayout()
        row.setSpacing(2)
        for button in (self.previous, self.next, self.interpolate):
            row.addWidget(button, 1)
        column.addLayout(row)
        options = QHBoxLayout()
        options.addWidget(self.only, 1)
        options.addWidget(self.snap)
        column.addLayout(options)
        column.addWidget(self.redo)

    @property
    def _asked(self) -> list[int] | None:
        value = self._brush()
        return [value] if self.only.isChecked() and value is not None else None

    def _copy(self, step: int, _checked: bool = False) -> None:
        self._corrector.from_neighbour(step, self._asked)

    def _redo(self) -> None:
        value = self._brush()
        if value is not None:
            self._corrector.redo_class(value)

    def _interpolate(self) -> None:
        self._corrector.interpolate(self._asked, is_snapped=self.snap.isChecked())


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setStyleSheet("padding: 4px 2px;")
    return button
