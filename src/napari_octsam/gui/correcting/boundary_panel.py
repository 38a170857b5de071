"""Switches the boundary tool, and says how it moves a boundary."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_octsam.core.errors import UserError
from napari_octsam.gui.correcting.boundary_tool import BoundaryTool, Hand

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octsam.gui.correcting.corrector import Corrector
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["BOUNDARIES_KEY", "BoundaryPanel"]

BOUNDARIES_KEY = "Shift-U"
"""Shows the boundaries, or takes them away."""

_HANDS = {
    Hand.DRAG: ("Drag", "Drag a boundary; columns around move with it"),
    Hand.DRAW: ("Draw", "Draw a boundary anew: each column that the mouse passes"),
    Hand.TRACE: ("Trace", "Click on two places or more; it is found again between them (Enter)"),
}


class BoundaryPanel(QWidget):
    """The boundary tool's button, hands and width.

    Parameters
    ----------
    make_room
        Puts down what else has the mouse.
    """

    def __init__(
        self,
        owner: SessionWidget,
        tool: BoundaryTool,
        corrector: Corrector,
        make_room: Callable[[], object],
    ) -> None:
        super().__init__(owner)
        self._tool = tool
        self._make_room = make_room
        self._notices = corrector.notices
        self.switch = _button("Move boundaries", f"Show the layers' boundaries ({BOUNDARIES_KEY})")
        self.switch.clicked.connect(self.toggle)
        self.hands = {hand: _button(*texts) for hand, texts in _HANDS.items()}
        for hand, button in self.hands.items():
            button.clicked.connect(partial(self._choose, hand))
        self.width_box = QSpinBox()
        self.width_box.setRange(1, 600)
        self.width_box.setMinimumWidth(96)
        self.width_box.setToolTip("How far a drag reaches on either side ([ and ], or the wheel)")
        self.width_box.setKeyboardTracking(False)
        self.width_box.valueChanged.connect(self._set_width)
        self.giving_way = QCheckBox("Neighbours give way")
        self.giving_way.setChecked(True)
        self.giving_way.setToolTip("Else they stop the boundary that is moved")
        self.giving_way.toggled.connect(self._set_giving_way)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.switch)
        row = QHBoxLayout()
        row.setSpacing(2)
        for button in self.hands.values():
            row.addWidget(button, 1)
        column.addLayout(row)
        options = QHBoxLayout()
        options.addWidget(QLabel("Reach, columns"))
        options.addWidget(self.width_box)
        options.addWidget(self.giving_way, 1)
        column.addLayout(options)
        owner.listen(tool.changed, self.refresh)
        self.refresh()

    def toggle(self) -> None:
        """Show the boundaries, or take them away."""
        if self._tool.is_on:
            self._tool.stop()
        else:
            self._make_room()
            try:
                self._tool.start()
                self._notices.happened("Point at a boundary: it lights up, and can be dragged.")
            except UserError as error:
                self._notices.happened(str(error))
        self.refresh()

    def refresh(self) -> None:
        """Show the tool as it is."""
        tool = self._tool
        self.switch.setChecked(tool.is_on)
        for hand, button in self.hands.items():
            button.setChecked(tool.hand is hand)
            button.setEnabled(tool.is_on)
        self.width_box.blockSignals(True)
        self.width_box.setValue(tool.width)
        self.width_box.blockSignals(False)

    def _choose(self, hand: Hand) -> None:
        self._tool.hand = hand

    def _set_width(self, columns: int) -> None:
        self._tool.width = columns

    def _set_giving_way(self, giving_way: bool) -> None:
        self._tool.giving_way = giving_way


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setStyleSheet("padding: 4px 2px;")
    return button
