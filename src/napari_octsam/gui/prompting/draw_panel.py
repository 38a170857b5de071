"""The tools that prompts are drawn with, and the sign of points."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_octsam.gui.prompting.drawing import Tool

if TYPE_CHECKING:
    from napari_octsam.gui.prompting.prompter import Prompter
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["TOOL_KEYS", "DrawPanel"]

TOOL_KEYS = {
    Tool.BOX: "H",
    Tool.POLYGON: "J",
    Tool.SCRIBBLE: "K",
    Tool.POINT: "N",
    Tool.SELECT: "U",
}
"""Keys that neither napari's layers nor the bundled schemas have; side by side on the keyboard."""

_TOOLS = {
    Tool.BOX: ("Box", "Drag a box around an object"),
    Tool.POLYGON: ("Polygon", "Click the corners of a rough outline; double-click ends it"),
    Tool.SCRIBBLE: ("Scribble", "Drag a line along an object"),
    Tool.POINT: ("Point", "Click on an object, or beside it to exclude"),
    Tool.SELECT: ("Select", "Click a prompt to move it or to change its class"),
}
_SIGNS = {
    "+": ("+ on the object", "Points say where the object is (Q switches)"),
    "-": ("- off the object", "Points say where it is not (Q switches)"),
}


class DrawPanel(QWidget):
    """A row of tools, and below it the sign of the selected or next point."""

    def __init__(self, owner: SessionWidget, prompter: Prompter) -> None:
        super().__init__(owner)
        self._prompter = prompter
        self.tools = {
            tool: _button(text, f"{tip} ({TOOL_KEYS[tool]})")
            for tool, (text, tip) in _TOOLS.items()
        }
        self.signs = {sign: _button(*texts) for sign, texts in _SIGNS.items()}
        for tool, button in self.tools.items():
            button.clicked.connect(partial(self.toggle, tool))
        for sign, button in self.signs.items():
            button.clicked.connect(partial(self._choose_sign, sign))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(_row(self.tools.values()))
        column.addLayout(_row(self.signs.values()))
        for signal in (prompter.drawing.tool_changed, prompter.drawing.next_changed):
            owner.listen(signal, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the tool and the sign as they are."""
        drawing = self._prompter.drawing
        for tool, button in self.tools.items():
            button.setChecked(drawing.tool is tool)
        for sign, button in self.signs.items():
            button.setChecked(drawing.sign == sign)

    def toggle(self, tool: Tool) -> None:
        """Take a tool, or lay it down: the mouse moves the view again."""
        if self._prompter.drawing.tool is tool:
            self._prompter.drawing.stop()
        else:
            self._prompter.start_drawing(tool)
        self.refresh()

    def _choose_sign(self, sign: str) -> None:
        self._prompter.drawing.choose_sign(sign)
        self.refresh()


def _row(buttons: Iterable[QPushButton]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(2)
    for button in buttons:
        row.addWidget(button, 1)
    return row


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.setStyleSheet("padding: 4px 2px;")
    return button
