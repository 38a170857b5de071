"""Buttons for what is done with one object: outlined, found by a click, made a prompt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_octsam.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_octsam.gui.correcting.canvas_tool import CanvasTool
    from napari_octsam.gui.correcting.corrector import Corrector
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["ObjectPanel"]


class ObjectPanel(QWidget):
    """One button a tool; a tool that is taken puts the others down.

    Parameters
    ----------
    tools
        Each with the text of its button, and its tool tip.
    make_room
        Puts down what else has the mouse.
    """

    def __init__(
        self,
        owner: SessionWidget,
        corrector: Corrector,
        tools: Mapping[CanvasTool, tuple[str, str]],
        make_room: Callable[[], object],
    ) -> None:
        super().__init__(owner)
        self._notices = corrector.notices
        self._make_room = make_room
        self.buttons: dict[CanvasTool, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for tool, (text, tip) in tools.items():
            button = self.buttons[tool] = QPushButton(text)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setStyleSheet("padding: 4px 2px;")
            button.clicked.connect(partial(self.toggle, tool))
            row.addWidget(button, 1)
            owner.listen(tool.changed, self.refresh)
            owner.listen(tool.told, corrector.notices.happened)
            owner.when_released(tool.stop)

    @property
    def tool(self) -> CanvasTool | None:
        """The tool that has the mouse."""
        return next((tool for tool in self.buttons if tool.is_on), None)

    def toggle(self, tool: CanvasTool, _checked: bool = False) -> None:
        """Take a tool, or put it down."""
        is_on = tool.is_on
        self.stop()
        if not is_on:
            self._make_room()
            try:
                tool.start()
            except UserError as error:
                self._notices.happened(str(error))
        self.refresh()

    def stop(self) -> None:
        """Put down whatever tool is taken."""
        for tool in self.buttons:
            tool.stop()

    def refresh(self) -> None:
        """Show which tool is taken."""
        for tool, button in self.buttons.items():
            button.setChecked(tool.is_on)
