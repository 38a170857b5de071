"""The question what the values of a labels layer mean, below the combos of layers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_octsam.gui.prompting.value_map import ValueMap
from napari_octsam.gui.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octsam.gui.prompting.labels_choice import LabelsChoice, Question
    from napari_octsam.gui.session.session_widget import SessionWidget

__all__ = ["SchemaQuestion"]

_MOST_VALUES = 64  # more are objects that are numbered, not classes


class SchemaQuestion(QWidget):
    """A sentence, and a button for each answer; hidden while nothing is asked."""

    def __init__(self, owner: SessionWidget, choice: LabelsChoice) -> None:
        super().__init__(owner)
        self._choice = choice
        self._session = owner.session
        self._text = WrappedLabel()
        self.answers: dict[str, QPushButton] = {}
        self.value_map: ValueMap | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(2)
        self._column.addWidget(self._text)
        self.hide()
        owner.listen(choice.asked, self._show)

    @property
    def text(self) -> str:
        """The sentence."""
        return self._text.text()

    def _show(self, question: Question | None) -> None:
        for button in self.answers.values():
            self._column.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.answers = {}
        self.setHidden(question is None)
        if question is None:
            return
        self._text.setText(question.text)
        for schema in question.schemas:
            self._offer(f"Use {schema.name}", partial(self._choice.answer, schema))
        if len(question.values) <= _MOST_VALUES:
            self._offer("Map its values …", self._map)
        self._offer("Leave it", self._choice.leave)

    def _offer(self, text: str, answer: Callable[[], object]) -> None:
        button = QPushButton(text)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(answer)
        self._column.addWidget(button)
        self.answers[text] = button

    def _map(self) -> None:
        question = self._choice.question
        if question is not None:
            self.value_map = ValueMap(question, self._session.schema, self)
            self.value_map.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self.value_map.mapped.connect(self._choice.answer_by)
            self.value_map.open()
